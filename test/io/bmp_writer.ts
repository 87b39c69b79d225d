// Writes BMP files for tests.

export interface BmpParts {
  readonly width: number;
  /** Negative: from the top. */
  readonly height: number;
  readonly bits: number;
  readonly compression?: number;
  /** Size of the second header; default 40. */
  readonly headerBytes?: number;
  /** [colours, 3], RGB. */
  readonly palette?: readonly number[];
  /** Red, green, blue and, in longer headers, alpha. */
  readonly masks?: readonly number[];
  /** Rows as the file has them, filled up to multiples of 4 bytes; or coded runs. */
  readonly body: Uint8Array | readonly number[];
}

export function bmp(parts: BmpParts): Buffer {
  const { width, height, bits, compression = 0, headerBytes = 40, palette = [], masks = [], body } = parts;
  const isCore = headerBytes === 12;
  // A header of 40 bytes has its masks behind it.
  const header = Buffer.alloc(14 + headerBytes + (headerBytes === 40 ? 4 * masks.length : 0));
  header.write("BM");
  header.writeUInt32LE(headerBytes, 14);
  if (isCore)
    for (const [i, value] of [width, height, 1, bits].entries()) header.writeUInt16LE(value, 18 + 2 * i);
  else {
    header.writeInt32LE(width, 18);
    header.writeInt32LE(height, 22);
    header.writeUInt16LE(1, 26);
    header.writeUInt16LE(bits, 28);
    header.writeUInt32LE(compression, 30);
    header.writeUInt32LE(palette.length / 3, 46);
    for (const [i, mask] of masks.entries()) header.writeUInt32LE(mask, 54 + 4 * i);
  }
  const entry = isCore ? 3 : 4;
  const colors = Buffer.alloc((palette.length / 3) * entry);
  for (const [i, value] of palette.entries()) colors[Math.floor(i / 3) * entry + 2 - (i % 3)] = value;
  header.writeUInt32LE(header.length + colors.length, 10);
  return Buffer.concat([header, colors, Uint8Array.from(body)]);
}
