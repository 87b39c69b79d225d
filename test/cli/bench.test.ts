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
