// The dry run of the page that measures other libraries beside Imago: all have times, and the same results.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as v from "valibot";
import { afterAll, beforeAll, expect, test } from "vitest";
import { agreements } from "../../tools/peers/page/agreement.ts";
import { resultsSchema } from "../../tools/peers/results.ts";
import { describeInBrowser } from "./support/chromium.ts";

const tool = fileURLToPath(new URL("../../tools/peers/peers.ts", import.meta.url));

describeInBrowser("libraries beside Imago", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "imago-peers-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("have a time for each operation, and its result", async () => {
    const file = join(folder, "peers.json");
    const { stdout } = await promisify(execFile)(process.execPath, [tool, "--dry", "--json", file]);
    const { libraries, rows, software } = v.parse(resultsSchema, JSON.parse(await readFile(file, "utf8")));
    expect(software).toBe(true);
    expect(libraries.map(({ name }) => name)).toEqual(["Imago", "jax-js", "TensorFlow.js"]);
    expect(rows).toHaveLength(3);
    for (const { operation, difference, cells } of rows) {
      expect(stdout).toContain(operation);
      expect(difference).toBeLessThan(1e-5);
      expect(cells).toHaveLength(libraries.length);
      for (const cell of cells) {
        expect(cell).toMatchObject({ wrong: false });
        if ("seconds" in cell) expect(cell.seconds).toBeGreaterThan(0);
      }
    }
  });
});

test("a result that no other library has is marked", () => {
  const right = [Float32Array.of(1, -2, 3)];
  const near = [Float32Array.of(1, -2, 3.00001)];
  const marks = (...results: Parameters<typeof agreements>[0]) =>
    agreements(results).each.map(({ wrong }) => wrong);
  expect(marks(right, near, right)).toEqual([false, false, false]);
  expect(marks(right, [Float32Array.of(1, 2, 3)], near)).toEqual([false, true, false]);
  expect(marks(right, [Float32Array.of(1, Number.NaN, 3)], near)).toEqual([false, true, false]);
  expect(marks(right, [new Float32Array(3)])).toEqual([true, true]);
  expect(marks(right, [Float32Array.of(1, -2)], undefined)).toEqual([true, true, false]);
  expect(agreements([right, undefined]).largest).toBe(null);
  expect(agreements([right, near]).largest).toBeCloseTo(3.3e-6, 7);
});
