// The measurement of GPUs, tried on one in software, where its figures mean nothing.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { describeOnGpu } from "../support/gpu.ts";

const tool = fileURLToPath(new URL("../../tools/bench_gpu.ts", import.meta.url));
const PATIENCE = 600_000;

describeOnGpu("bench:gpu", () => {
  test(
    "measures every part",
    async () => {
      // Without PyTorch, which would take as long again.
      const args = ["--dry", "--python", "no-such-python"];
      const { stdout } = await promisify(execFile)(process.execPath, [tool, ...args]);
      const [python, ...lines]: Record<string, unknown>[] = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(python).toMatchObject({ part: "pytorch", skipped: expect.stringContaining("no-such-python") });
      expect(lines.map(({ part }) => part)).toEqual([
        ...["device", "peaks", "training", "product", "convolution", "sampling"],
        ...["product by tile tiny", "convolution by tile tiny"],
      ]);
      for (const line of lines) expect(line).toMatchObject({ library: "imago" });
      for (const line of lines) expect(line).not.toMatchObject({ error: expect.anything() });
      for (const line of lines) expect(line).not.toMatchObject({ skipped: expect.anything() });
      const [, , training, product, convolution] = lines;
      expect(training).toMatchObject({
        preset: "quick32",
        precision: "fp16",
        images_per_second: expect.any(Number),
      });
      expect(product).toMatchObject({ size: 64 });
      expect(Object.keys(convolution)).toEqual(
        expect.arrayContaining(["conv2d", "conv2d_grad_input", "conv2d_grad_filter"]),
      );
    },
    PATIENCE,
  );
});
