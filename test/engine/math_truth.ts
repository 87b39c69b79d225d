// The truth about elementary functions, in integers of at least 200 bits, by other ways than the functions' own.

export interface Truth {
  /** The true value is value 2^-scale, off by a few units. */
  readonly value: bigint;
  readonly scale: number;
}

const view = new DataView(new ArrayBuffer(8));
/** Bits behind the point inside: results from 2^-1074 to 2^1024 keep more than 200. */
const WIDE = 1400;
const USUAL = 330;

const shift = (v: bigint, n: number): bigint => (n >= 0 ? v << BigInt(n) : v >> BigInt(-n));
const size = (v: bigint): bigint => (v < 0n ? -v : v);

/** x = m 2^e. */
function split(x: number): [m: bigint, e: number] {
  view.setFloat64(0, Math.abs(x));
  const bits = view.getBigUint64(0);
  const [exponent, fraction] = [Number(bits >> 52n), bits & (2n ** 52n - 1n)];
  const m = exponent === 0 ? fraction : fraction + 2n ** 52n;
  return [x < 0 ? -m : m, Math.max(1, exponent) - 1075];
}

const fixed = (x: number, bits: number): bigint => shift(split(x)[0], split(x)[1] + bits);

/** e^t for any t with `bits` bits, whose result has as many: Taylor's series of a small part, and squares. */
function expOf(t: bigint, bits: number): bigint {
  if (t < 0n) return (1n << BigInt(2 * bits)) / expOf(-t, bits);
  const inside = BigInt(bits + 80);
  const x = t << 40n; // t / 2^40
  let [sum, term] = [1n << inside, 1n << inside];
  for (let n = 1n; term > 0n; n++) {
    term = (term * x) / (n << inside);
    sum += term;
  }
  for (let i = 0; i < 40; i++) sum = (sum * sum) >> inside;
  return sum >> 80n;
}

/** log v by two steps of Halley's rule. */
function logOf(v: bigint, guess: number, bits: number): bigint {
  let y = fixed(guess, bits);
  for (let i = 0; i < 2; i++) {
    const power = expOf(y, bits);
    y += ((2n * (v - power)) << BigInt(bits)) / (v + power);
  }
  return y;
}

/** cos t and sin t: Taylor's series of a small part, doubled. */
function circle(t: bigint, bits: number): [cos: bigint, sin: bigint] {
  const extra = 160;
  const inside = BigInt(bits + extra);
  const doublings = 40;
  const x = t << BigInt(extra - doublings);
  let [c, s, term] = [0n, 0n, 1n << inside];
  for (let n = 0n; term !== 0n && term !== -1n; ) {
    c += n % 4n === 0n ? term : 0n;
    s += n % 4n === 1n ? term : 0n;
    c -= n % 4n === 2n ? term : 0n;
    s -= n % 4n === 3n ? term : 0n;
    n++;
    term = ((term * x) >> inside) / n;
  }
  for (let i = 0; i < doublings; i++) [c, s] = [(c * c - s * s) >> inside, (2n * c * s) >> inside];
  return [c >> BigInt(extra), s >> BigInt(extra)];
}

/** pi by Størmer's formula. */
function piOf(bits: number): bigint {
  const inside = BigInt(bits + 40);
  const arc = (n: bigint): bigint => {
    let [sum, power] = [0n, (1n << inside) / n];
    for (let k = 0n; power !== 0n; k++) {
      sum += (k % 2n === 0n ? power : -power) / (2n * k + 1n);
      power /= n * n;
    }
    return sum;
  };
  return (4n * (44n * arc(57n) + 7n * arc(239n) - 12n * arc(682n) + 24n * arc(12943n))) >> 40n;
}

const PI = piOf(2600);

/** [cos x, sin x] of any double. */
function circleOf(x: number, bits: number): [cos: bigint, sin: bigint] {
  const turn = 2n * PI;
  const t = fixed(x, 2600);
  return circle((Math.abs(x) < 2 ** 20 ? t : t % turn) >> BigInt(2600 - bits), bits);
}

const isUsual = (x: number): boolean => Math.abs(x) > 2 ** -60 && Math.abs(x) < 2 ** 60;

/** y is a result that is about right. */
export function truth(name: string, [x, other]: readonly number[], y: number): Truth {
  const scale = isUsual(y) && isUsual(x) && (other === undefined || isUsual(other)) ? USUAL : WIDE;
  const one = 1n << BigInt(scale);
  const of = (value: bigint): Truth => ({ value, scale });
  switch (name) {
    case "exp":
      return of(expOf(fixed(x, scale), scale));
    case "expm1":
      return of(expOf(fixed(x, scale), scale) - one);
    case "tanh": {
      const square = expOf(fixed(2 * x, scale), scale);
      return of(((square - one) << BigInt(scale)) / (square + one));
    }
    case "log":
      return of(logOf(fixed(x, scale), y, scale));
    case "log1p":
      return of(logOf(one + fixed(x, scale), y, scale));
    case "log2":
    case "log10": {
      const base = name === "log2" ? 2 : 10;
      const power = logOf(fixed(x, scale), y * Math.log(base), scale);
      return of((power << BigInt(scale)) / logOf(fixed(base, scale), Math.log(base), scale));
    }
    case "sin":
      return of(circleOf(x, scale)[1]);
    case "cos":
      return of(circleOf(x, scale)[0]);
    case "tan": {
      const [c, s] = circleOf(x, scale);
      return of((s << BigInt(scale)) / c);
    }
    case "atan":
    case "atan2": {
      // The angle left after a turn by y is tiny.
      const [tall, wide] = name === "atan" ? [x, 1] : [x, other];
      const [c, s] = circle(fixed(y, scale), scale);
      const [a, b] = [fixed(tall, 1074), fixed(wide, 1074)];
      const left = ((a * c - b * s) << BigInt(scale)) / (b * c + a * s);
      return of(fixed(y, scale) + left - left ** 3n / (3n * one * one));
    }
    case "pow": {
      const [m, e] = split(other);
      const log = logOf(fixed(x, scale), Math.log(x), scale);
      return of(expOf(shift(log * m, e), scale));
    }
    default:
      throw new Error(`no truth about ${name}`);
  }
}

/** The true root is between y and the middles of its neighbours, whose powers are exact. */
function isRoot(y: number, square: bigint, unit: number, degree: number): boolean {
  const [m, e] = split(y);
  // In quarters of a unit in y's last place.
  const [low, high] = [4n * m - (m === 2n ** 52n ? 1n : 2n), 4n * m + 2n];
  const place = degree * (e - 2);
  const least = Math.min(place, unit);
  const [a, v, b] = [
    shift(low ** BigInt(degree), place - least),
    shift(square, unit - least),
    shift(high ** BigInt(degree), place - least),
  ];
  return m % 2n === 0n ? a <= v && v <= b : a < v && v < b;
}

/** Whether y is the double nearest to the true value; of two, the even one. */
export function isNearest(name: string, args: readonly number[], y: number): boolean {
  const [x, other] = args;
  if (name === "cbrt") return isRoot(Math.abs(y), size(split(x)[0]), split(x)[1], 3);
  if (name === "hypot") {
    const [[a, i], [b, j]] = [split(x), split(other)];
    const least = Math.min(i, j);
    return isRoot(y, shift(a, i - least) ** 2n + shift(b, j - least) ** 2n, 2 * least, 2);
  }
  const { value, scale } = truth(name, args, y);
  const [m, e] = split(y);
  const positive = size(m);
  const up = Math.max(0, 2 - e - scale);
  // Distances in units 2^-(scale + up), of the true value and of the middles.
  const at = scale + up;
  const off = size(value) * 2n ** BigInt(up) - shift(positive, e + at);
  const half = shift(1n, e + at - 1);
  const below = positive === 2n ** 52n ? half / 2n : half;
  if (value < 0n !== y < 0 && value !== 0n) return false;
  // Powers may be exactly in the middle; the truth is off by a little.
  const slack = shift(1n, e + at - 100);
  const isTie = size(off - half) < slack || size(off + below) < slack;
  return isTie ? positive % 2n === 0n : off < half && off > -below;
}
