// Writes arrays in NumPy's .npy format for tests.

export interface NpyParts {
  /** NumPy's name of the type, "<f4"; undefined: no such item in the header. */
  readonly descr?: string;
  readonly shape: readonly number[];
  readonly fortran?: boolean;
  readonly version?: 1 | 2 | 3;
  /** The elements, already in the bytes of their type. */
  readonly body: Uint8Array;
  /** In place of the header made of the above. */
  readonly header?: string;
}

export function npy({ descr = "|u1", shape, fortran = false, version = 1, body, header }: NpyParts): Buffer {
  const comma = shape.length === 1 ? "," : "";
  const order = fortran ? "True" : "False";
  const text =
    header ?? `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape.join(", ")}${comma}), }`;
  const before = version === 1 ? 10 : 12;
  const length = Math.ceil((before + text.length + 1) / 64) * 64 - before;
  const preamble = Buffer.alloc(before);
  preamble.write("\x93NUMPY", "latin1");
  preamble[6] = version;
  if (version === 1) preamble.writeUInt16LE(length, 8);
  else preamble.writeUInt32LE(length, 8);
  return Buffer.concat([preamble, Buffer.from(`${text.padEnd(length - 1)}\n`), body]);
}

/** Bytes of numbers, each written by one of Buffer's methods. */
export function packed(
  values: readonly number[],
  bytes: number,
  write: (buffer: Buffer, value: number, at: number) => void,
): Buffer {
  const buffer = Buffer.alloc(values.length * bytes);
  for (const [i, value] of values.entries()) write(buffer, value, i * bytes);
  return buffer;
}
