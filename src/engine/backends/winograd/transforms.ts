// The one-dimensional transforms of Winograd's minimal filtering F(4, 3): four results of a filter of three taps from
// six multiplications (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015). A filter g and
// six inputs d give A^T ((G g) * (B^T d)); in two dimensions each transform is applied to columns, then to rows.
//
// The points of interpolation are 0, +-sqrt(1/2), +-sqrt(2) and infinity: they lose half as many digits as 0, +-1, +-2
// (a relative error of about 7e-7 with 64 channels, 2e-6 with 512) and cost as much.
//
// The gradients use the same matrices transposed: dg = G^T ((B^T d) * (A dy)).

/** Pixels along a side of a tile of results and of the patch of inputs it takes; taps along a side of the filter. */
export const RESULT_SIDE = 4;
export const PATCH_SIDE = 6;
export const FILTER_SIDE = 3;
/** Products per tile and pair of channels, one for each place of a transformed patch. */
export const PLACES = PATCH_SIDE * PATCH_SIDE;

const P = Math.SQRT1_2;
const Q = Math.SQRT2;
/** P^2 and Q^2; their product is 1. */
const P2 = 0.5;
const Q2 = 2;
/** 1 / (derivative of x (x^2 - P^2) (x^2 - Q^2)) at P and at Q; at 0 it is 1. */
const AT_P = 1 / (2 * P2 * (P2 - Q2));
const AT_Q = 1 / (2 * Q2 * (Q2 - P2));

/** What the transforms compute with: vectors of channels, or the text of a shader. */
export interface Arithmetic<V> {
  /** Computes a value once, for several uses. */
  readonly keep: (value: V) => V;
  readonly add: (a: V, b: V) => V;
  readonly sub: (a: V, b: V) => V;
  readonly times: (a: V, constant: number) => V;
  /** a * constant + b, rounded once where the machine can. */
  readonly plus: (a: V, constant: number, b: V) => V;
  /** b - a * constant. */
  readonly minus: (a: V, constant: number, b: V) => V;
}

/** Values in, values out. */
export type Transform = <V>(arithmetic: Arithmetic<V>, values: readonly V[]) => V[];

/** B^T: six inputs to six places. */
export const inputTransform: Transform = ({ keep, add, plus, minus }, values) => {
  const [d0, d1, d2, d3, d4, d5] = values;
  const [evenP, oddP] = [keep(minus(d2, Q2, d4)), keep(minus(d1, Q2, d3))];
  const [evenQ, oddQ] = [keep(minus(d2, P2, d4)), keep(minus(d1, P2, d3))];
  return [
    minus(d2, P2 + Q2, add(d0, d4)),
    plus(oddP, P, evenP),
    minus(oddP, P, evenP),
    plus(oddQ, Q, evenQ),
    minus(oddQ, Q, evenQ),
    minus(d3, P2 + Q2, add(d1, d5)),
  ];
};

/** A^T: six places to four results. */
export const outputTransform: Transform = ({ keep, add, sub, times, plus }, values) => {
  const [m0, m1, m2, m3, m4, m5] = values;
  const [evenP, oddP] = [keep(add(m1, m2)), keep(sub(m1, m2))];
  const [evenQ, oddQ] = [keep(add(m3, m4)), keep(sub(m3, m4))];
  return [
    add(m0, add(evenP, evenQ)),
    plus(oddQ, Q, times(oddP, P)),
    plus(evenQ, Q2, times(evenP, P2)),
    plus(oddQ, Q * Q2, plus(oddP, P * P2, m5)),
  ];
};

/** A: gradients of four results to six places. */
export const outputGradientTransform: Transform = ({ keep, plus, minus }, values) => {
  const [d0, d1, d2, d3] = values;
  const [evenP, oddP] = [keep(plus(d2, P2, d0)), keep(plus(d3, P2, d1))];
  const [evenQ, oddQ] = [keep(plus(d2, Q2, d0)), keep(plus(d3, Q2, d1))];
  return [d0, plus(oddP, P, evenP), minus(oddP, P, evenP), plus(oddQ, Q, evenQ), minus(oddQ, Q, evenQ), d3];
};

/** G: three taps to six places. */
export const filterTransform: Transform = ({ keep, times, plus, minus }, values) => {
  const [g0, g1, g2] = values;
  const evenP = keep(times(plus(g2, P2, g0), AT_P));
  const evenQ = keep(times(plus(g2, Q2, g0), AT_Q));
  return [
    g0,
    plus(g1, P * AT_P, evenP),
    minus(g1, P * AT_P, evenP),
    plus(g1, Q * AT_Q, evenQ),
    minus(g1, Q * AT_Q, evenQ),
    g2,
  ];
};

/** G^T: six places to gradients of three taps. */
export const filterGradientTransform: Transform = ({ keep, add, sub, times, plus }, values) => {
  const [s0, s1, s2, s3, s4, s5] = values;
  const [evenP, oddP] = [keep(add(s1, s2)), keep(sub(s1, s2))];
  const [evenQ, oddQ] = [keep(add(s3, s4)), keep(sub(s3, s4))];
  return [
    plus(evenQ, AT_Q, plus(evenP, AT_P, s0)),
    plus(oddQ, Q * AT_Q, times(oddP, P * AT_P)),
    plus(evenQ, Q2 * AT_Q, plus(evenP, P2 * AT_P, s5)),
  ];
};
