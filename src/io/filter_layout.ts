// Converts convolution filters between torch's layout in files, OIHW, and the engine's, HWIO, with channels last.

/** [O, I, H, W] -> [H, W, I, O]. `shape` is the input's. */
export function oihwToHwio(data: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const [o, i, h, w] = rank4(data, shape);
  // As two-dimensional transposes: [O, I*H*W] -> [I, H*W, O] -> [H*W, I, O].
  return swapOuter(swapInner(data, 1, o, i * h * w), i, h * w, o);
}

/** [H, W, I, O] -> [O, I, H, W]. `shape` is the input's. */
export function hwioToOihw(data: Float32Array, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const [h, w, i, o] = rank4(data, shape);
  return swapInner(swapOuter(data, h * w, i, o), 1, i * h * w, o);
}

/** [B, R, C] -> [B, C, R], in square blocks that stay in the cache. */
function swapInner(
  data: Float32Array,
  batches: number,
  rows: number,
  columns: number,
): Float32Array<ArrayBuffer> {
  const block = 32;
  const out = new Float32Array(data.length);
  for (let b = 0; b < batches; b++) {
    const base = b * rows * columns;
    for (let r0 = 0; r0 < rows; r0 += block) {
      const r1 = Math.min(rows, r0 + block);
      for (let c0 = 0; c0 < columns; c0 += block) {
        const c1 = Math.min(columns, c0 + block);
        for (let c = c0; c < c1; c++) {
          for (let r = r0; r < r1; r++) out[base + c * rows + r] = data[base + r * columns + c];
        }
      }
    }
  }
  return out;
}

/** [A, B, C] -> [B, A, C], moving whole rows of C. */
function swapOuter(data: Float32Array, a: number, b: number, c: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      const from = (i * b + j) * c;
      out.set(data.subarray(from, from + c), (j * a + i) * c);
    }
  }
  return out;
}

function rank4(data: Float32Array, shape: readonly number[]): [number, number, number, number] {
  const [a, b, c, d] = shape;
  if (a === undefined || b === undefined || c === undefined || d === undefined || shape.length !== 4) {
    throw new RangeError(`shape [${shape.join(", ")}], where four dimensions were expected`);
  }
  if (a * b * c * d !== data.length) {
    throw new RangeError(`shape [${shape.join(", ")}] does not fit ${data.length} elements`);
  }
  return [a, b, c, d];
}
