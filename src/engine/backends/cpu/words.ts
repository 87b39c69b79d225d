// What host and threads do alike to linear memory.

/** Bytes of a page of WebAssembly's memory. */
export const PAGE = 65536;

/** i32 words, `stride` bytes apart. */
export interface Words {
  readonly address: number;
  readonly count: number;
  readonly stride: number;
}

/** Sets them to 0. */
export function clearWords(buffer: ArrayBufferLike, { address, count, stride }: Words): void {
  const words = new Int32Array(buffer);
  for (let i = 0; i < count; i++) words[(address + i * stride) / 4] = 0;
}
