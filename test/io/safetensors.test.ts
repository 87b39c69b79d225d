import { copyFileSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { TensorArray } from "../../src/io/dtypes.ts";
import {
  openSafetensors,
  readSafetensors,
  type TensorEntry,
  writeSafetensors,
} from "../../src/io/safetensors.ts";
import { FileError } from "../../src/platform/errors.ts";
import { fixture, temporaryFolder } from "./fixtures.ts";

const PYTHON_DTYPES = fixture("saved_by_diffusers", "dtypes.safetensors");

describe("files the Python library wrote", () => {
  test("every element type has Python's values", async () => {
    const tensors = await readSafetensors(PYTHON_DTYPES);
    const values = (name: string) => Array.from<number | bigint>(tensors.get(name)!.data);
    expect(values("bool")).toEqual([1, 0, 1]);
    expect(values("u8")).toEqual([0, 7, 255]);
    expect(values("i8")).toEqual([-128, -1, 127]);
    expect(values("i16")).toEqual([-32768, 1, 32767]);
    expect(values("u16")).toEqual([0, 1, 65535]);
    expect(values("f16")).toEqual([
      1,
      -2.5,
      65504,
      2 ** -24,
      -(2 ** -14),
      Infinity,
      -Infinity,
      NaN,
      -0,
      0.0999755859375,
    ]);
    expect(values("bf16")).toEqual([
      1,
      -2.5,
      226 * 2 ** 120,
      2 ** -133,
      Infinity,
      -Infinity,
      NaN,
      -0,
      0.10009765625,
    ]);
    expect(values("i32")).toEqual([-(2 ** 31), 0, 1, 2 ** 31 - 1]);
    expect(values("u32")).toEqual([0, 2 ** 32 - 1]);
    expect(values("f32")).toEqual([0.1, 1e-45, 3.4e38].map(Math.fround));
    expect(values("f64")).toEqual([0.1, 1e-300]);
    expect(values("i64")).toEqual([-(2n ** 63n), 2n ** 53n + 1n]);
    expect(values("u64")).toEqual([2n ** 64n - 1n]);
    expect(tensors.get("scalar")).toMatchObject({ shape: [], dtype: "F32", data: new Float32Array([3.5]) });
    expect(tensors.get("empty")).toMatchObject({ shape: [0, 4], data: new Float32Array(0) });
    expect(tensors.get("i32")!.shape).toEqual([2, 2]);
    expect(values("naïve 蝶 🦋")).toEqual([1]);
  });

  test("written again, the bytes are the same", async () => {
    const path = join(temporaryFolder(), "again.safetensors");
    await writeSafetensors(path, await readSafetensors(PYTHON_DTYPES));
    expect(readFileSync(path).equals(readFileSync(PYTHON_DTYPES))).toBe(true);
  });

  test("the bytes of a model diffusers saved are the same when written again, float32 and float16", async () => {
    const folder = temporaryFolder();
    for (const name of [
      "sharded/expected.safetensors",
      "fp16/unet/diffusion_pytorch_model.fp16.safetensors",
    ]) {
      const path = join(folder, "model.safetensors");
      const original = fixture("saved_by_diffusers", ...name.split("/"));
      await writeSafetensors(path, await readSafetensors(original));
      expect(readFileSync(path).equals(readFileSync(original)), name).toBe(true);
    }
  });

  test("all ten reference UNets are read, one tensor at a time and whole, with the same values", async () => {
    const files = readdirSync(fixture("unet2d")).filter((name) => name.endsWith(".safetensors"));
    expect(files).toHaveLength(10);
    for (const name of files) {
      const path = fixture("unet2d", name);
      const whole = await readSafetensors(path);
      const fromBytes = await readSafetensors(readFileSync(path));
      const file = await openSafetensors(path);
      expect(file.metadata).toEqual({ format: "pt" });
      expect([...whole.keys()]).toEqual(file.names);
      for (const tensor of file.names) {
        const { data, shape } = whole.get(tensor)!;
        expect(sameBytes(await file.read(tensor), data)).toBe(true);
        expect(sameBytes(fromBytes.get(tensor)!.data, data)).toBe(true);
        expect(fromBytes.get(tensor)!.shape).toEqual(shape);
      }
      await file.close();
      expect(whole.get("sample")!.shape).toHaveLength(4);
      expect(whole.get("output")!.dtype).toBe("F32");
      expect(meanSquaredError(whole.get("output")!.data, whole.get("target")!.data)).toBeCloseTo(
        Number(whole.get("loss")!.data[0]),
        5,
      );
    }
  });
});

describe("round trips", () => {
  test("names, shapes, values and metadata survive, in any order", async () => {
    const path = join(temporaryFolder(), "x.safetensors");
    const tensors = new Map<string, TensorEntry>([
      ["z", { shape: [2, 3], data: new Float32Array([1, 2, 3, 4, 5, 6]) }],
      ["a", { shape: [3], data: new Uint8Array([1, 2, 3]) }],
      ["__proto__", { shape: [1], data: new BigInt64Array([-5n]) }],
      ["10", { shape: [], data: new Float64Array([0.5]) }],
    ]);
    await writeSafetensors(path, tensors, { format: "pt", note: "π\n" });
    const file = await openSafetensors(path);
    expect(file.metadata).toEqual({ format: "pt", note: "π\n" });
    expect(new Set(file.names)).toEqual(new Set(tensors.keys()));
    for (const [name, { shape, data }] of tensors) {
      expect(file.info(name).shape).toEqual(shape);
      expect(await file.read(name)).toEqual(data);
    }
    await file.close();
  });

  test("no tensors at all is a file too", async () => {
    const path = join(temporaryFolder(), "empty.safetensors");
    await writeSafetensors(path, new Map(), {});
    expect(await readSafetensors(path)).toEqual(new Map());
  });

  test("views, also of shared memory, are written without what lies around them", async () => {
    const path = join(temporaryFolder(), "view.safetensors");
    const memory = new Float32Array(new SharedArrayBuffer(64));
    memory.set([9, 1, 2, 9]);
    await writeSafetensors(path, new Map([["x", { shape: [2], data: memory.subarray(1, 3) }]]));
    expect((await readSafetensors(path)).get("x")!.data).toEqual(new Float32Array([1, 2]));
  });

  test("more elements than are converted at a time are all written as float16", async () => {
    const path = join(temporaryFolder(), "half.safetensors");
    const data = Float32Array.from({ length: 2 ** 20 + 5 }, (_, i) => i % 2048);
    await writeSafetensors(path, new Map([["x", { shape: [data.length], data, dtype: "F16" }]]));
    const read = (await readSafetensors(path)).get("x")!;
    expect(read.dtype).toBe("F16");
    expect(sameBytes(read.data, data)).toBe(true);
  });

  test("readFloat32 takes floating-point types and finite numbers, and no others", async () => {
    const file = await openSafetensors(PYTHON_DTYPES);
    expect(await file.readFloat32("f64")).toEqual(new Float32Array([0.1, 0]));
    await expect(file.readFloat32("i64")).rejects.toThrow(/tensor i64 is I64, where a floating-point type/);
    await expect(file.readFloat32("f16")).rejects.toThrow(
      /tensor f16 is broken: its element 5 of 10 is Infinity/,
    );
    await expect(file.readFloat32("bf16")).rejects.toThrow(/tensor bf16 is broken: its element 4 of 9/);
    await expect(file.read("nothing")).rejects.toThrow(/there is no tensor nothing/);
    await file.close();
  });
});

test("readBits gives the bits of 16-bit types, if they are finite, and of no others", async () => {
  const path = join(temporaryFolder(), "bits.safetensors");
  const data = Float32Array.of(1, -2, 0.5, 65504);
  const entries = (["F16", "BF16", "F32"] as const).map(
    (dtype) => [dtype, { shape: [4], data, dtype }] as const,
  );
  await writeSafetensors(path, new Map(entries));
  const file = await openSafetensors(path);
  expect(await file.readBits("F16")).toEqual(Uint16Array.of(0x3c00, 0xc000, 0x3800, 0x7bff));
  expect(await file.readBits("BF16")).toEqual(Uint16Array.of(0x3f80, 0xc000, 0x3f00, 0x4780));
  await expect(file.readBits("F32")).rejects.toThrow(
    /tensor F32 is F32, where .* was expected \(F16, BF16\)/,
  );
  await file.close();
  const python = await openSafetensors(PYTHON_DTYPES);
  await expect(python.readBits("f16")).rejects.toThrow(
    /tensor f16 is broken: its element 5 of 10 is Infinity/,
  );
  await expect(python.readBits("bf16")).rejects.toThrow(/tensor bf16 is broken: its element 4 of 9/);
  await python.close();
});

describe("what cannot be written", () => {
  test.each<[string, TensorEntry, RegExp]>([
    [
      "a shape that does not fit",
      { shape: [2], data: new Float32Array(3) },
      /shape \[2\] does not fit its 3 elements/,
    ],
    ["a negative size", { shape: [-1, -3], data: new Float32Array(3) }, /shape \[-1, -3\] does not fit/],
    [
      "integers as half precision",
      { shape: [1], data: new Int32Array(1), dtype: "F16" },
      /Int32Array cannot be written as F16/,
    ],
    [
      "a 2 as a boolean",
      { shape: [1], data: new Uint8Array([2]), dtype: "BOOL" },
      /cannot be written as BOOL/,
    ],
  ])("%s", async (_what, entry, message) => {
    const folder = temporaryFolder();
    await expect(writeSafetensors(join(folder, "x.safetensors"), new Map([["x", entry]]))).rejects.toThrow(
      message,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("damaged files are refused in one line that names the file", () => {
  async function refusal(bytes: Uint8Array): Promise<string> {
    const path = join(temporaryFolder(), "damaged.safetensors");
    writeFileSync(path, bytes);
    const error = await openSafetensors(path).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(FileError);
    const { message } = error as FileError;
    expect(message).toContain(path);
    expect(message).not.toContain("\n");
    // Reading the same bytes from memory gives the same verdict.
    await expect(readSafetensors(bytes)).rejects.toThrow(message.slice(path.length));
    return message;
  }

  test.each<[string, string, number, RegExp]>([
    ["not JSON", "{]", 0, /header is not JSON/],
    ["not an object", "[1]", 0, /header is not a JSON object/],
    ["an entry that is none", '{"x": 3}', 0, /tensor "x": its header entry is not an object/],
    [
      "an unknown type",
      '{"x":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}',
      1,
      /"F8_E4M3" is not supported/,
    ],
    [
      "an inherited type name",
      '{"x":{"dtype":"toString","shape":[1],"data_offsets":[0,1]}}',
      1,
      /not supported/,
    ],
    ["no type", '{"x":{"shape":[1],"data_offsets":[0,1]}}', 1, /dtype \(missing\) is not supported/],
    [
      "a fractional size",
      '{"x":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}',
      1,
      /is not a list of sizes/,
    ],
    [
      "a negative size",
      '{"x":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}',
      1,
      /is not a list of sizes/,
    ],
    [
      "a gigantic shape",
      '{"x":{"dtype":"U8","shape":[9007199254740991,9007199254740991],"data_offsets":[0,1]}}',
      1,
      /is too large/,
    ],
    ["one offset", '{"x":{"dtype":"U8","shape":[1],"data_offsets":[0]}}', 1, /is not \[begin, end\]/],
    [
      "offsets turned round",
      '{"x":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}',
      1,
      /is not \[begin, end\]/,
    ],
    [
      "a size that is not the shape's",
      '{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}',
      4,
      /takes 8 bytes, but data_offsets give it 4/,
    ],
    [
      "data beyond the end",
      '{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
      4,
      /truncated.*take 8 bytes, but only 4/,
    ],
    [
      "data of nobody",
      '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
      7,
      /3 bytes follow the last tensor/,
    ],
    [
      "a hole",
      '{"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}',
      2,
      /no tensor covers the data from 0 to 1/,
    ],
    [
      "overlap",
      '{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
      3,
      /"y" overlaps/,
    ],
    ["metadata that is no text", '{"__metadata__":{"a":1}}', 0, /__metadata__."a" must be a string/],
    ["a line break in a name", '{"x\\ny":3}', 0, /tensor "x\\ny"/],
  ])("%s", async (_what, header, dataBytes, message) => {
    expect(await refusal(withHeader(header, dataBytes))).toMatch(message);
  });

  test("an empty file, a short one, a lying length, text that is not UTF-8", async () => {
    expect(await refusal(new Uint8Array(0))).toMatch(/this is an empty file/);
    expect(await refusal(new Uint8Array(7))).toMatch(/7 bytes, where at least 8/);
    expect(await refusal(new Uint8Array(16).fill(0xee))).toMatch(/where at most 100000000 are allowed/);
    expect(await refusal(new Uint8Array([200, 0, 0, 0, 0, 0, 0, 0, 123]))).toMatch(
      /truncated.*200 bytes long.*only 9/,
    );
    expect(await refusal(new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0, 0xff]))).toMatch(/not JSON/);
  });

  test("a checkpoint cut short anywhere", async () => {
    const path = join(temporaryFolder(), "cut.safetensors");
    const length = readFileSync(PYTHON_DTYPES).length;
    for (let keep = 0; keep < length; keep += 13) {
      copyFileSync(PYTHON_DTYPES, path);
      truncateSync(path, keep);
      await expect(readSafetensors(path)).rejects.toBeInstanceOf(FileError);
    }
  });

  test("a missing file and a folder", async () => {
    const folder = temporaryFolder();
    await expect(openSafetensors(join(folder, "none"))).rejects.toThrow(/cannot open the file: no such file/);
    await expect(openSafetensors(folder)).rejects.toBeInstanceOf(FileError);
  });
});

function withHeader(json: string, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function sameBytes(a: TensorArray, b: TensorArray): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );
}

function meanSquaredError(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (Number(a[i]) - Number(b[i])) ** 2;
  return sum / a.length;
}
