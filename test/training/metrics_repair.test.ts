import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { keepRecords } from "../../src/training/run/metrics_repair.ts";

const folder = mkdtempSync(join(tmpdir(), "imago-metrics-repair-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "metrics.jsonl");
const broken = `${path}.broken`;

/** What is left of a file, and what is said of it. */
async function kept(content: string, keepThrough: number) {
  rmSync(broken, { force: true });
  writeFileSync(path, content);
  const warnings: string[] = [];
  const permit = () => {};
  const result = await keepRecords(path, keepThrough, { permit, warn: (text) => warnings.push(text) });
  return {
    ...result,
    content: readFileSync(path, "utf8"),
    broken: existsSync(broken) ? readFileSync(broken, "utf8") : "",
    warnings,
  };
}
const record = (step: number) => `{"step":${step},"seconds":${step / 10}}\n`;
const records = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => record(from + i)).join("");

test("one broken line among four hundred costs nothing but itself, and is told and kept", async () => {
  const content = `${records(1, 4)}{{{ not json\n${records(6, 400)}${records(401, 420)}`;
  const found = await kept(content, 400);
  expect(found).toMatchObject({
    content: records(1, 4) + records(6, 400),
    broken: "{{{ not json\n",
    seconds: 40,
    unmeasuredStep: 400,
  });
  expect(found.size).toBe(found.content.length);
  expect(found.warnings).toEqual([
    `${path}: line 5 is not the record of a step; moved to metrics.jsonl.broken, every other record is kept`,
  ]);
});

test.each([
  ["a whole file", records(1, 9), records(1, 9), ""],
  ["steps that are done again", records(1, 12), records(1, 9), ""],
  ["a part of a record after them", `${records(1, 11)}{"step":1`, records(1, 9), ""],
  ["a broken line after the last record", `${records(1, 9)}\0\0\0\n`, records(1, 9), ""],
  ["a broken first line", `x\n${records(2, 9)}`, records(2, 9), "x\n"],
  ["a last record that is broken", `${records(1, 8)}{"step":9,"sec`, records(1, 8), '{"step":9,"sec'],
  ["nothing but what is broken", "a\nb\n", "", "a\nb\n"],
  ["records that come again", records(1, 5) + records(4, 9), records(1, 5) + records(6, 9), records(4, 5)],
  ["an empty line", `${records(1, 2)}\n${records(3, 9)}`, records(1, 9), "\n"],
  ["a line of many megabytes", `${records(1, 2)}${"x".repeat(2e6)}\n${records(3, 9)}`, records(1, 9), "x"],
])("%s: the good ones are kept", async (_, content, expected, rest) => {
  const found = await kept(content, 9);
  expect(found.content).toBe(expected);
  expect(found.size).toBe(expected.length);
  expect(found.broken.slice(0, Math.max(10, rest.length))).toContain(rest);
  expect(found.warnings).toHaveLength(rest === "" ? 0 : 1);
  // Told once: what is left is whole, but for records that are missing.
  expect(await kept(found.content, 9)).toMatchObject({ content: expected, warnings: [] });
});

test("several broken lines are counted", async () => {
  const { warnings } = await kept(`${record(1)}a\n${record(2)}b\nc\n${record(3)}`, 3);
  expect(warnings.join()).toContain("3 lines, the first is line 2, are not records of steps; moved to");
});

test("every byte of a broken file is kept somewhere, whatever it holds", async () => {
  const piece = fc.oneof(
    fc.integer({ min: 1, max: 9 }).map(record),
    fc.string({ maxLength: 8 }).map((text) => `${text.replaceAll("\n", "")}\n`),
    fc.constantFrom('{"step":1', "\n", "null\n", '{"step":2,"seconds":-1}\n'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      const content = pieces.join("");
      const found = await kept(content, 10);
      const steps = found.content
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line).step);
      expect(steps).toEqual([...new Set(steps)].sort((a, b) => a - b));
      expect(found.content.length + found.broken.length).toBe(content.length);
      expect(found.warnings).toHaveLength(found.broken === "" ? 0 : 1);
    }),
    { numRuns: 60 },
  );
});
