// Converts images between torch's layout, channels first, and the engine's, channels last.

/** [N, C, H, W] -> [N, H, W, C]. `shape` is the input's. */
export function nchwToNhwc(data: Float32Array, [n, c, h, w]: readonly number[]): Float32Array<ArrayBuffer> {
  return swapInner(data, n, c, h * w);
}

/** [N, H, W, C] -> [N, C, H, W]. `shape` is the input's. */
export function nhwcToNchw(data: Float32Array, [n, h, w, c]: readonly number[]): Float32Array<ArrayBuffer> {
  return swapInner(data, n, h * w, c);
}

/** [B, R, C] -> [B, C, R]. */
function swapInner(data: Float32Array, batches: number, rows: number, columns: number) {
  const out = new Float32Array(data.length);
  const size = rows * columns;
  for (let b = 0; b < batches; b++) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) out[b * size + c * rows + r] = data[b * size + r * columns + c];
    }
  }
  return out;
}
