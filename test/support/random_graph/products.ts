// Matrix products, convolutions and attention of a random graph.

import type { ConvOptions, Padding } from "../../../src/engine/graph.ts";
import type { Tensor } from "../../../src/engine/tensor.ts";
import type { Dice } from "./dice.ts";
import type { Draft } from "./draft.ts";

/** Multiply-adds of one product: the reference is slow. Few are large enough for all algorithms of a convolution. */
const products = (dice: Dice): number => (dice.chance(0.04) ? 2_500_000 : 200_000);

/** Makes sizes smaller until `cost` of them is at most `most`; a size that is 1 stays. */
function shrunk<S extends Record<string, number>>(sizes: S, cost: (sizes: S) => number, most: number): S {
  let now = sizes;
  while (cost(now) > most) {
    const [largest, size] = Object.entries(now).reduce((a, b) => (b[1] > a[1] ? b : a));
    now = { ...now, [largest]: Math.max(1, Math.floor(size * 0.6)) };
  }
  return now;
}

/** A bias, a residual, or both, as the kernels of products add them while they write. */
function withTail(draft: Draft, y: Tensor): Tensor {
  const { dice } = draft;
  const channels = y.shape.at(-1) ?? 1;
  const biased = dice.chance(0.4) ? y.add(draft.operand([channels])) : y;
  switch (dice.pick(["none", "none", "residual", "per image", "pointwise"])) {
    case "residual":
      return biased.add(draft.operand(y.shape));
    case "per image":
      return biased.add(
        draft.operand(y.shape.map((size, axis) => (axis === 0 ? size : 1)).with(-1, channels)),
      );
    case "pointwise":
      return biased.mul(0.25).mul(biased.sigmoid());
    default:
      return biased;
  }
}

export function matmul(draft: Draft): void {
  const { dice } = draft;
  const batches = dice.pick([0, 0, 1, 1, 2]);
  if (dice.chance(0.02)) {
    longMatmul(draft);
    return;
  }
  const drawn = {
    m: draft.size(),
    n: draft.size(),
    k: dice.chance(0.08) ? dice.whole(200, 3000) : draft.size(),
    b0: dice.whole(1, 5),
    b1: dice.whole(1, 4),
  };
  const cost = ({ m, n, k, b0, b1 }: typeof drawn) => m * n * k * [1, b0, b0 * b1][batches];
  const { m, n, k, b0, b1 } = shrunk(drawn, cost, products(dice));
  const batch = [b0, b1].slice(0, batches);
  const [a, b] = [draft.operand([...batch, m, k]), draft.operand([...batch, k, n])];
  const [left, right] = dice.pick([
    () => [a, b],
    () => [draft.operand([...batch, k, m]).transpose(), b],
    () => [a, draft.operand([...batch, n, k]).transpose()],
  ])();
  draft.keep(withTail(draft, left.matmul(right)), 4 * Math.sqrt(k));
}

/** A sum so long, of so few results, that it is cut into parts. */
function longMatmul(draft: Draft): void {
  const { dice } = draft;
  const [m, n, k] = [dice.whole(43, 64), dice.whole(43, 64), 1024];
  draft.keep(draft.operand([m, k]).matmul(draft.operand([k, n])), 4 * Math.sqrt(k));
}

const PADDINGS: readonly Padding[] = [
  [0, 0, 0, 0],
  [1, 1, 1, 1],
  [1, 1, 1, 1],
  [0, 1, 0, 1],
  [2, 0, 1, 1],
  [2, 3, 0, 1],
];

/** Sizes for which Winograd's algorithm is chosen, for results or for the filters' gradient. */
const WINOGRAD = [
  { n: 1, h: 10, w: 10, ci: 32, co: 32 },
  { n: 1, h: 12, w: 12, ci: 32, co: 16 },
  { n: 1, h: 12, w: 12, ci: 32, co: 32 },
  { n: 1, h: 16, w: 16, ci: 8, co: 16 },
  { n: 1, h: 17, w: 15, ci: 16, co: 20 },
  { n: 2, h: 8, w: 8, ci: 32, co: 16 },
  { n: 2, h: 11, w: 10, ci: 16, co: 16 },
  { n: 2, h: 12, w: 12, ci: 16, co: 20 },
] as const;

function winograd(draft: Draft): void {
  const { n, h, w, ci, co } = draft.dice.pick(WINOGRAD);
  const options = { stride: [1, 1], padding: draft.dice.pick(PADDINGS.slice(0, 3)) } as const;
  const y = draft.operand([n, h, w, ci]).conv2d(draft.operand([3, 3, ci, co]), options);
  draft.keep(withTail(draft, y), 4 * Math.sqrt(9 * ci));
}

export function convolution(draft: Draft): void {
  const { dice } = draft;
  if (dice.chance(0.1)) {
    winograd(draft);
    return;
  }
  const side = () => (dice.chance(0.85) ? dice.whole(1, 10) : dice.whole(10, 24));
  const channels = () => dice.pick([dice.whole(1, 9), dice.whole(1, 20), 4, 8, 12, 16, 24, 32, 64]);
  const [kh, kw] = dice.pick([
    [1, 1],
    [3, 3],
    [3, 3],
    [3, 3],
    [2, 2],
    [1, 3],
    [3, 2],
    [5, 5],
    [4, 1],
  ]);
  const padding = dice.pick(PADDINGS);
  const stride = dice.pick<ConvOptions["stride"]>([
    [1, 1],
    [1, 1],
    [2, 2],
    [2, 2],
    [1, 2],
    [2, 1],
    [3, 3],
    [3, 1],
  ]);
  const drawn = { n: dice.whole(1, 3), h: side(), w: side(), ci: channels(), co: channels() };
  const { n, h, w, ci, co } = shrunk(drawn, (s) => s.n * s.h * s.w * s.ci * s.co * kh * kw, products(dice));
  const fits = h + padding[0] + padding[1] >= kh && w + padding[2] + padding[3] >= kw;
  if (!fits || !draft.fits([n, h, w, Math.max(ci, co)])) return;
  const y = draft.operand([n, h, w, ci]).conv2d(draft.operand([kh, kw, ci, co]), { stride, padding });
  draft.keep(withTail(draft, y), 4 * Math.sqrt(kh * kw * ci));
}

export function attention(draft: Draft): void {
  const { dice } = draft;
  const tokens = dice.chance(0.8) ? dice.whole(1, 20) : dice.pick([32, 33, 64, 70, 131]);
  const width = dice.chance(0.8) ? dice.whole(1, 20) : dice.pick([16, 32, 45, 64]);
  const drawn = { n: dice.whole(1, 3), heads: dice.whole(1, 4), tokens, width };
  const {
    n,
    heads,
    tokens: t,
    width: d,
  } = shrunk(drawn, (s) => s.n * s.tokens ** 2 * s.heads * s.width, products(dice));
  const shape = [n, t, heads * d];
  if (!draft.fits(shape)) return;
  const [q, k, v] = [draft.operand(shape), draft.operand(shape), draft.operand(shape)];
  draft.keep(q.attention(k, v, { heads, scale: d ** -0.5 / dice.pick([1, 2, 4]) }), 4);
}
