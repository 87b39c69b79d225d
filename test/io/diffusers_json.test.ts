import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import {
  type JsonObject,
  MAX_JSON_BYTES,
  parsePythonJson,
  pythonFloat,
  readJson,
  readJsonAs,
  toPythonJson,
  writePythonJson,
} from "../../src/io/diffusers_json.ts";
import { fixture, temporaryFolder } from "./fixtures.ts";

const FLOAT_KEYS = new Set([
  ...["dropout", "norm_eps", "beta_start", "beta_end", "clip_sample_range"],
  ...["dynamic_thresholding_ratio", "sample_max_value"],
]);

test.each([
  ["checkpoint_layout", "butterflies32", "unet", "config.json"],
  ["checkpoint_layout", "butterflies128", "unet", "config.json"],
  ["checkpoint_layout", "cifar10_32", "unet", "config.json"],
  ["checkpoint_layout", "scheduler", "scheduler_config.json"],
  ["saved_by_diffusers", "sharded", "model_index.json"],
  ["saved_by_diffusers", "sharded", "unet", "diffusion_pytorch_model.safetensors.index.json"],
])("%s/%s/%s: read, shuffled and written, the bytes are diffusers'", (...parts) => {
  const text = readFileSync(fixture(...parts), "utf8");
  const config: JsonObject = JSON.parse(text);
  const shuffled: JsonObject = Object.fromEntries(Object.entries(config).reverse());
  expect(toPythonJson(shuffled, FLOAT_KEYS)).toBe(text);
});

test("floats are Python's repr", () => {
  const cases: [number, string][] = [
    [0, "0.0"],
    [-0, "-0.0"],
    [1, "1.0"],
    [1e-5, "1e-05"],
    [1.5e-5, "1.5e-05"],
    [1e-4, "0.0001"],
    [0.00012345, "0.00012345"],
    [0.02, "0.02"],
    [0.1 + 0.2, "0.30000000000000004"],
    [123456.789, "123456.789"],
    [-2.5, "-2.5"],
    [1e15, "1000000000000000.0"],
    [9999999999999998, "9999999999999998.0"],
    [1e16, "1e+16"],
    [1.2345e22, "1.2345e+22"],
    [1e100, "1e+100"],
    [5e-324, "5e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [Infinity, "Infinity"],
    [-Infinity, "-Infinity"],
    [NaN, "NaN"],
  ];
  for (const [value, text] of cases) expect(pythonFloat(value)).toBe(text);
});

test("every float reads back the same", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
      expect(Number(pythonFloat(x))).toBe(x);
    }),
  );
});

test("nested values, empty ones, escapes and key order are json.dumps'", () => {
  const value = {
    z: [],
    a: {},
    b: [[1, 2.5], { y: null, x: true }],
    é: 'tab\t"q"\\\u007f🦋',
    "\uffff": 1,
    "🦋": 2,
  };
  expect(toPythonJson({ ...value, gone: undefined })).toBe(
    String.raw`{
  "a": {},
  "b": [
    [
      1,
      2.5
    ],
    {
      "x": true,
      "y": null
    }
  ],
  "z": [],
  "\u00e9": "tab\t\"q\"\\\u007f\ud83e\udd8b",
  "\uffff": 1,
  "\ud83e\udd8b": 2
}
`,
  );
});

test("float keys reach into arrays, not into objects below", () => {
  expect(toPythonJson({ trained_betas: [0, 1] }, new Set(["trained_betas"]))).toContain("0.0,\n    1.0");
  expect(toPythonJson({ outer: { steps: 1 } }, new Set(["outer"]))).toContain('"steps": 1\n');
  expect(toPythonJson({ n: 1e21 })).toContain('"n": 1000000000000000000000\n');
});

describe("reading", () => {
  test("whatever is written is read again", async () => {
    const path = join(temporaryFolder(), "x.json");
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
        await writePythonJson(path, value);
        expect(await readJson(path)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 100 },
    );
  });

  test("Python's infinities are numbers, outside of strings only", () => {
    const text = '{"lambda_min_clipped": -Infinity, "max": Infinity, "Infinity": "-Infinity \\"Infinity\\""}';
    expect(parsePythonJson(text, "x")).toEqual({
      lambda_min_clipped: -Infinity,
      max: Infinity,
      Infinity: '-Infinity "Infinity"',
    });
  });

  test("what is not JSON, not there, too large or not as expected is refused in one line", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "x.json");
    const schema = v.object({ unet: v.object({ sizes: v.array(v.number()) }) });
    for (const text of [" ", "{", '{"a": NaN}', '{"a":\n\n oops}', "Infinity Infinity"]) {
      writeFileSync(path, text);
      const failing = readJson(path);
      await expect(failing, text).rejects.toThrow(/x\.json: this is not JSON text/);
      await expect(failing).rejects.not.toThrow(/\n/);
    }
    writeFileSync(path, "");
    await expect(readJson(path)).rejects.toThrow(
      /x\.json: this is an empty file, where JSON text was expected/,
    );
    writeFileSync(path, '{"unet": {"sizes": [1, "two"]}}');
    await expect(readJsonAs(path, schema)).rejects.toThrow(/x\.json: unet\.sizes\.1: .*"two"/);
    writeFileSync(path, "[]");
    await expect(readJsonAs(path, schema)).rejects.toThrow(/x\.json: /);
    writeFileSync(path, " ".repeat(MAX_JSON_BYTES + 1));
    await expect(readJson(path)).rejects.toThrow(/has 16777217 bytes, where a JSON file of at most 16777216/);
    await expect(readJson(join(folder, "none.json"))).rejects.toThrow(/cannot read the file: no such file/);
    await expect(readJson(folder)).rejects.toThrow(/this is a folder where a file was expected/);
  });
});
