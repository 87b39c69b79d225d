// Damage to safetensors files and JSON files: cuts, wrong headers, wrong tensors, other formats, wrong fields.

/** The bytes of a broken file, from those of a sound one. */
export type Change = (bytes: Buffer) => Buffer | string;

const headerBytes = (bytes: Buffer): number => Number(bytes.readBigUInt64LE(0));
const dataBegin = (bytes: Buffer): number => 8 + headerBytes(bytes);

const cutAt =
  (length: (bytes: Buffer) => number): Change =>
  (bytes) =>
    bytes.subarray(0, length(bytes));

export const truncations: readonly [name: string, change: Change][] = [
  ["to nothing", cutAt(() => 0)],
  ["within the length", cutAt(() => 7)],
  ["after the length", cutAt(() => 8)],
  ["after a byte of the header", cutAt(() => 9)],
  ["in the middle of the header", cutAt((bytes) => 8 + headerBytes(bytes) / 2)],
  ["before the end of the header", cutAt((bytes) => dataBegin(bytes) - 1)],
  ["after the header", cutAt(dataBegin)],
  ["after a byte of the data", cutAt((bytes) => dataBegin(bytes) + 1)],
  ["in the middle of the data", cutAt((bytes) => (dataBegin(bytes) + bytes.length) / 2)],
  ["before the last number", cutAt((bytes) => bytes.length - 4)],
  ["before the last byte", cutAt((bytes) => bytes.length - 1)],
];

const withLength =
  (length: (bytes: Buffer) => bigint): Change =>
  (bytes) => {
    const changed = Buffer.from(bytes);
    changed.writeBigUInt64LE(length(bytes));
    return changed;
  };

type Entry = Record<string, unknown>;
type Header = Record<string, Entry>;

/** The file with another header, and the same data. */
function withHeader(bytes: Buffer, json: unknown, data = bytes.subarray(dataBegin(bytes))): Buffer {
  const text = Buffer.from(typeof json === "string" ? json : JSON.stringify(json));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

const header = (bytes: Buffer): Header => JSON.parse(`${bytes.subarray(8, dataBegin(bytes))}`);
const namesOf = (json: Header): string[] => Object.keys(json).filter((name) => name !== "__metadata__");

const rewritten =
  (change: (json: Header) => unknown): Change =>
  (bytes) => {
    const json = header(bytes);
    return withHeader(bytes, change(json) ?? json);
  };

/** One entry with some fields changed; undefined takes a field away. */
const entry = (fields: Entry): Change =>
  rewritten((json) => {
    const [name = ""] = namesOf(json);
    json[name] = { ...json[name], ...fields };
  });

const offsets = (change: (begin: number, end: number) => unknown): Change =>
  rewritten((json) => {
    const [, name = ""] = namesOf(json);
    const [begin, end] = JSON.parse(JSON.stringify(json[name].data_offsets));
    json[name].data_offsets = change(begin, end);
  });

export const headerChanges: readonly [name: string, change: Change][] = [
  ["of no length", withLength(() => 0n)],
  ["of one byte", withLength(() => 1n)],
  ["of one byte less", withLength((bytes) => BigInt(headerBytes(bytes) - 8))],
  ["of 8 bytes more", withLength((bytes) => BigInt(headerBytes(bytes) + 8))],
  ["longer than the file", withLength((bytes) => BigInt(bytes.length))],
  ["of 100 MB", withLength(() => 100_000_001n)],
  ["of 4 GiB", withLength(() => 2n ** 32n)],
  ["of 2^64 - 1 bytes", withLength(() => 2n ** 64n - 1n)],
  ["that is no JSON", rewritten(() => "{not json}")],
  ["that is a list", rewritten(() => "[]")],
  ["that is null", rewritten(() => "null")],
  ["that is a number", rewritten(() => "7")],
  ["that is no UTF-8", (bytes) => Buffer.from(bytes).fill(0xff, 8, 12)],
  ["without tensors", rewritten(() => "{}")],
  ["with metadata that is a list", rewritten((json) => ({ ...json, __metadata__: ["a"] }))],
  ["with metadata of numbers", rewritten((json) => ({ ...json, __metadata__: { a: 3 } }))],
  ["with a tensor that is a number", rewritten((json) => ({ ...json, more: 3 }))],
  ["with a tensor that is null", rewritten((json) => ({ ...json, more: null }))],
  ["with an unknown dtype", entry({ dtype: "F33" })],
  ["with a dtype of 8 bits", entry({ dtype: "F8_E4M3" })],
  ["with a number as dtype", entry({ dtype: 32 })],
  ["without dtype", entry({ dtype: undefined })],
  ["with another dtype", entry({ dtype: "F16" })],
  ["with a negative shape", entry({ shape: [-1, -4] })],
  ["with a broken shape", entry({ shape: [0.5] })],
  ["with a text as shape", entry({ shape: "4" })],
  ["with a huge shape", entry({ shape: [2 ** 52] })],
  ["with a shape whose product is huge", entry({ shape: new Array(20).fill(2 ** 31) })],
  ["with a shape of a million axes", entry({ shape: new Array(1e6).fill(1) })],
  ["without shape", entry({ shape: undefined })],
  ["without offsets", entry({ data_offsets: undefined })],
  ["with one offset", offsets((begin) => [begin])],
  ["with three offsets", offsets((begin, end) => [begin, end, end])],
  ["with offsets as texts", offsets((begin, end) => [`${begin}`, `${end}`])],
  ["with offsets in reverse", offsets((begin, end) => [end, begin])],
  ["with negative offsets", offsets((begin, end) => [begin - 1e6, end - 1e6])],
  ["with offsets behind the end", offsets((begin, end) => [begin + 1e9, end + 1e9])],
  ["with offsets that overlap", offsets((begin, end) => [begin - 4, end - 4])],
  ["with a gap", offsets((begin, end) => [begin + 4, end + 4])],
  ["with huge offsets", offsets((begin, end) => [2 ** 53 + begin, 2 ** 53 + end])],
];

/** The file with one number of its first tensor of 32-bit floats replaced. */
const withNumber =
  (value: number): Change =>
  (bytes) => {
    const json = header(bytes);
    const name = namesOf(json).find(
      (own) => json[own].dtype === "F32" && JSON.stringify(json[own].shape) !== "[0]",
    );
    const [begin] = JSON.parse(JSON.stringify(json[name ?? ""].data_offsets));
    const changed = Buffer.from(bytes);
    changed.writeFloatLE(value, dataBegin(bytes) + begin);
    return changed;
  };

export const tensorChanges: readonly [name: string, change: Change][] = [
  ["NaN", withNumber(Number.NaN)],
  ["infinity", withNumber(Number.POSITIVE_INFINITY)],
  ["minus infinity", withNumber(Number.NEGATIVE_INFINITY)],
  ["whole numbers in place of floats", entry({ dtype: "I32" })],
  [
    "bytes in place of floats",
    rewritten((json) => {
      const [name = ""] = namesOf(json);
      const [begin, end] = JSON.parse(JSON.stringify(json[name].data_offsets));
      json[name] = { dtype: "U8", shape: [end - begin], data_offsets: [begin, end] };
    }),
  ],
  [
    "one of another name",
    rewritten((json) => {
      const [name = ""] = namesOf(json);
      const { [name]: first, ...others } = json;
      return { ...others, "some.other.name": first };
    }),
  ],
  [
    "one of a name of 100 thousand letters",
    rewritten((json) => {
      const [name = ""] = namesOf(json);
      const { [name]: first, ...others } = json;
      return { ...others, ["x".repeat(1e5)]: first };
    }),
  ],
  [
    "one with control characters in its name",
    rewritten((json) => {
      const [name = ""] = namesOf(json);
      const { [name]: first, ...others } = json;
      return { ...others, "a\n\u001b[2J": first };
    }),
  ],
  [
    "one in another shape",
    rewritten((json) => {
      const name = namesOf(json).find((own) => JSON.stringify(json[own].shape).includes(",")) ?? "";
      const shape: number[] = JSON.parse(JSON.stringify(json[name].shape));
      json[name].shape = [1, 1, 1, ...shape];
    }),
  ],
  [
    "an empty one more",
    rewritten((json) => ({ ...json, more: { dtype: "F32", shape: [0], data_offsets: [0, 0] } })),
  ],
  [
    "the last one away",
    (bytes) => {
      const json = header(bytes);
      const end = (name: string): number => JSON.parse(JSON.stringify(json[name].data_offsets))[1];
      const last = namesOf(json).reduce((a, b) => (end(a) >= end(b) ? a : b));
      const [begin] = JSON.parse(JSON.stringify(json[last].data_offsets));
      const { [last]: _, ...others } = json;
      const from = dataBegin(bytes);
      return withHeader(bytes, others, bytes.subarray(from, from + begin));
    },
  ],
  ["bytes behind the last one", (bytes) => Buffer.concat([bytes, Buffer.alloc(8)])],
];

export const otherFormats: readonly [name: string, change: Change][] = [
  ["a page of HTML", () => "<!DOCTYPE html><html><body>not found</body></html>"],
  ["a pickle", () => Buffer.from([0x80, 2, 0x7d, 0x71, 0, 0x28, 0x58, 0, 0, 0, 0])],
  [
    "a zip with a pickle",
    () => Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(26), Buffer.from("archive/data.pkl")]),
  ],
  ["a picture", () => Buffer.from("\x89PNG\r\n\x1a\n0000IHDR", "latin1")],
  ["a packed file", (bytes) => Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), bytes])],
  [
    "a pointer of Git LFS",
    () => "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3438167534\n",
  ],
  ["JSON", () => '{"weights": [1, 2, 3]}'],
  ["zeros", () => Buffer.alloc(1000)],
];

/** A JSON file with one field set to each of some values. */
export const fieldChanges = (
  values: Readonly<Record<string, readonly unknown[]>>,
): readonly [name: string, change: Change][] =>
  Object.entries(values).flatMap(([field, wrong]) =>
    wrong.map((value): [string, Change] => [
      `${field} = ${JSON.stringify(value)}`,
      (bytes) => JSON.stringify({ ...JSON.parse(`${bytes}`), [field]: value }),
    ]),
  );
