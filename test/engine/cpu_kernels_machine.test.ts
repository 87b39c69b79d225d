// The machine's yardsticks for benchmarks do the work that they count.

import { expect, test } from "vitest";
import {
  BANDWIDTH_BUFFER_BYTES,
  bandwidthKernel,
} from "../../src/engine/backends/cpu/kernels/yardstick/bandwidth.ts";
import { compileLowered } from "./cpu_kernel_harness.ts";

test("the bandwidth kernel reads and writes its whole array, and nothing else", () => {
  const lowered = { temps: [], steps: [{ kernel: bandwidthKernel, args: [{ output: 0 }] }] };
  const program = compileLowered(lowered, [], [BANDWIDTH_BUFFER_BYTES / 4]);
  const [{ buffer, byteOffset, length }] = program.outputs;
  const words = new Int32Array(buffer, byteOffset, length);
  words.fill(0x01234567);
  program.run();
  let unchanged = 0;
  for (const word of words) if (word !== ~0x01234567) unchanged++;
  expect(unchanged).toBe(0);
  program.checkGuards();
});
