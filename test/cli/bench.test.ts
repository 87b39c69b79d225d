import { expect, test } from "vitest";
import { imago } from "./support.ts";

test("bench reports speed, shares and memory", async () => {
  const { code, stdout, stderr } = await imago(
    ...["bench", "train", "--batch-size", "1", "--repeat", "1", "--json"],
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const result = JSON.parse(stdout);
  expect(result).toMatchObject({ event: "bench", what: "train", preset: "quick", batch_size: 1 });
  for (const key of [
    "images_per_second",
    "gflops",
    "peak_gflops",
    "arena_bytes",
    "planned_bytes",
    "resident_bytes",
  ]) {
    expect(result[key]).toBeGreaterThan(0);
  }
  expect(result.gflops).toBeLessThan(result.peak_gflops * 1.5);
  const shares = result.families.map(({ share }: { share: number }) => share);
  expect(shares.reduce((a: number, b: number) => a + b)).toBeCloseTo(1, 6);
});

test("bench ops prints a table", async () => {
  const { code, stdout } = await imago("bench", "ops", "--batch-size", "1", "--repeat", "1");
  expect(code).toBe(0);
  const [peak, ...rows] = stdout.trim().split("\n");
  expect(peak).toMatch(/^SIMD peak of this machine: [\d.]+ GFLOP\/s$/);
  expect(rows.length).toBeGreaterThan(5);
  for (const row of rows) expect(row).toMatch(/^(3x3|matrix|silu) .*\d ms +[\d.]+ GFLOP\/s$/);
  expect(new Set(rows.map((row) => row.indexOf(" ms "))).size).toBe(1);
});
