// Converts convolution filters between torch's layout in files, OIHW, and the engine's, HWIO, with channels last.

/** Elements as float32, or the bits of 16-bit ones. */
type Elements = Float32Array | Uint16Array;
type Sizes = readonly [number, number, number, number];

/** Rows or columns that are moved at a time. */
const BLOCK = 32;

/** [O, I, H, W] -> [H, W, I, O]. `shape` is the input's. */
export function oihwToHwio(data: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  outputsLast(data, out, rank4(data, shape));
  return out;
}

/** The same of 16-bit elements, given by their bits. */
export function oihwBitsToHwio(bits: Uint16Array, shape: readonly number[]): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(bits.length);
  outputsLast(bits, out, rank4(bits, shape));
  return out;
}

/** [H, W, I, O] -> [O, I, H, W]. `shape` is the input's. */
export function hwioToOihw(data: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  outputsFirst(data, new Float32Array(data.length), out, shape);
  return out;
}

/** The same of 16-bit elements, given by their bits. */
export function hwioBitsToOihw(bits: Uint16Array, shape: readonly number[]): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(bits.length);
  outputsFirst(bits, new Uint16Array(bits.length), out, shape);
  return out;
}

/** [O, I, H, W] -> [H, W, I, O], some outputs at a time, whose elements stay in the cache. */
function outputsLast(data: Elements, out: Elements, [o, i, h, w]: Sizes): void {
  const [taps, each] = [h * w, i * h * w];
  for (let begin = 0; begin < o; begin += BLOCK) {
    const end = Math.min(o, begin + BLOCK);
    for (let input = 0; input < i; input++) {
      for (let tap = 0; tap < taps; tap++) {
        const to = (tap * i + input) * o;
        let from = begin * each + input * taps + tap;
        for (let output = begin; output < end; output++, from += each) out[to + output] = data[from];
      }
    }
  }
}

/** As two-dimensional transposes: [H*W, I, O] -> [I, H*W, O] -> [O, I*H*W]. */
function outputsFirst(data: Elements, between: Elements, out: Elements, shape: readonly number[]): void {
  const [h, w, i, o] = rank4(data, shape);
  swapOuter(data, between, h * w, i, o);
  swap(between, out, i * h * w, o);
}

/** [R, C] -> [C, R], in square blocks that stay in the cache. */
function swap(data: Elements, out: Elements, rows: number, columns: number): void {
  for (let r0 = 0; r0 < rows; r0 += BLOCK) {
    const r1 = Math.min(rows, r0 + BLOCK);
    for (let c0 = 0; c0 < columns; c0 += BLOCK) {
      const c1 = Math.min(columns, c0 + BLOCK);
      for (let c = c0; c < c1; c++) {
        for (let r = r0; r < r1; r++) out[c * rows + r] = data[r * columns + c];
      }
    }
  }
}

/** [A, B, C] -> [B, A, C], moving whole rows of C. */
function swapOuter(data: Elements, out: Elements, a: number, b: number, c: number): void {
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      const from = (i * b + j) * c;
      out.set(data.subarray(from, from + c), (j * a + i) * c);
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
