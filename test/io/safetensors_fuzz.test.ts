// Random bytes, random headers and random damage: a file is read or refused by a FileError, nothing else.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readSafetensors, type TensorEntry, writeSafetensors } from "../../src/io/safetensors.ts";
import { parseHeader } from "../../src/io/safetensors_header.ts";
import { FileError } from "../../src/platform/errors.ts";
import { fixture, temporaryFolder } from "./fixtures.ts";

async function readOrRefuse(bytes: Uint8Array): Promise<void> {
  try {
    await readSafetensors(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(FileError);
    expect((error as FileError).message).not.toContain("\n");
  }
}

test("any bytes", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), readOrRefuse), { numRuns: 500 });
});

test("any JSON as header, its entries more or less like tensors", () => {
  const size = fc.oneof(fc.nat(40), fc.constantFrom(-1, 0.5, 2 ** 53, 1e308, null, "1"));
  const entry = fc.record(
    {
      dtype: fc.constantFrom("U8", "F32", "F16", "BOOL", "F8_E5M2", "constructor", 3, null),
      shape: fc.oneof(fc.array(size, { maxLength: 4 }), size),
      data_offsets: fc.oneof(fc.array(size, { maxLength: 3 }), size),
    },
    { requiredKeys: [] },
  );
  const header = fc.oneof(
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom("__metadata__", "__proto__")),
      fc.oneof(entry, fc.jsonValue()),
    ),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(header, fc.nat(100), (value, dataBytes) => {
      try {
        parseHeader(new TextEncoder().encode(JSON.stringify(value)), dataBytes, "fuzz");
      } catch (error) {
        expect(error).toBeInstanceOf(FileError);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a sound file with a few bytes changed", async () => {
  const sound = readFileSync(fixture("saved_by_diffusers", "dtypes.safetensors"));
  const change = fc.tuple(fc.nat(sound.length - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const bytes = new Uint8Array(sound);
      for (const [position, byte] of changes) bytes[position] = byte;
      await readOrRefuse(bytes);
    }),
    { numRuns: 1000 },
  );
});

test("whatever is written is read again", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  const data: fc.Arbitrary<NonNullable<TensorEntry["data"]>> = fc.oneof(
    fc.float32Array(),
    fc.float64Array(),
    fc.uint8Array(),
    fc.int32Array(),
    fc.bigInt64Array(),
    fc.uint16Array(),
  );
  const name = fc.string({ unit: "grapheme" }).filter((text) => text !== "__metadata__");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, data), { maxLength: 6 }), async (pairs) => {
      const tensors = new Map(pairs.map(([key, values]) => [key, { shape: [values.length], data: values }]));
      await writeSafetensors(path, tensors);
      const read = await readSafetensors(path);
      expect(read.size).toBe(tensors.size);
      for (const [key, { shape, data: values }] of tensors) {
        expect(read.get(key)!.shape).toEqual(shape);
        expect(read.get(key)!.data).toEqual(values);
      }
    }),
    { numRuns: 60 },
  );
});
