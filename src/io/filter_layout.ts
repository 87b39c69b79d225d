// Converts convolution filters between torch's layout in files, OIHW, and the engine's, HWIO, with channels last.

/** Elements as float32, or the bits of 16-bit ones. */
type Elements = Float32Array | Uint16Array;
type Sizes = readonly [number, number, number, number];

/** Outputs that are moved at a time. */
const BLOCK = 32;

/** [O, I, H, W] -> [H, W, I, O]. `shape` is the input's. */
export function oihwToHwio(data: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  turn(data, out, rank4(data, shape), "outputs last");
  return out;
}

/** The same of 16-bit elements, given by their bits. */
export function oihwBitsToHwio(bits: Uint16Array, shape: readonly number[]): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(bits.length);
  turn(bits, out, rank4(bits, shape), "outputs last");
  return out;
}

/** [H, W, I, O] -> [O, I, H, W]. `shape` is the input's. */
export function hwioToOihw(data: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  turn(data, out, outputsFirst(rank4(data, shape)), "outputs first");
  return out;
}

/** The same of 16-bit elements, given by their bits. */
export function hwioBitsToOihw(bits: Uint16Array, shape: readonly number[]): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(bits.length);
  turn(bits, out, outputsFirst(rank4(bits, shape)), "outputs first");
  return out;
}

/** [H, W, I, O] -> [O, I, H, W]. */
const outputsFirst = ([h, w, i, o]: Sizes): Sizes => [o, i, h, w];

/**
 * From [O, I, H, W] to [H, W, I, O] or back, some outputs at a time, whose elements stay in the cache.
 * @param sizes O, I, H, W
 */
function turn(
  data: Elements,
  out: Elements,
  [o, i, h, w]: Sizes,
  order: "outputs last" | "outputs first",
): void {
  const [taps, each] = [h * w, i * h * w];
  for (let begin = 0; begin < o; begin += BLOCK) {
    const end = Math.min(o, begin + BLOCK);
    for (let input = 0; input < i; input++) {
      for (let tap = 0; tap < taps; tap++) {
        const last = (tap * i + input) * o;
        let first = begin * each + input * taps + tap;
        if (order === "outputs last") {
          for (let output = begin; output < end; output++, first += each) out[last + output] = data[first];
        } else {
          for (let output = begin; output < end; output++, first += each) out[first] = data[last + output];
        }
      }
    }
  }
}

function rank4(data: Elements, shape: readonly number[]): Sizes {
  const [a, b, c, d] = shape;
  if (a === undefined || b === undefined || c === undefined || d === undefined || shape.length !== 4) {
    throw new RangeError(`shape [${shape.join(", ")}], where four dimensions were expected`);
  }
  if (a * b * c * d !== data.length) {
    throw new RangeError(`shape [${shape.join(", ")}] does not fit ${data.length} elements`);
  }
  return [a, b, c, d];
}
