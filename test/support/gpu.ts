// The GPU of the tests. One that the processor plays is enough: Debian's chromium brings SwiftShader's driver, which
// libvulkan1 loads. Where there is none the tests that need it are skipped, unless IMAGO_NEEDS_WEBGPU is set.

import { existsSync } from "node:fs";
import { describe, test } from "vitest";
import { findGpu } from "../../src/engine/backends/webgpu/device.ts";

const SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json";

if (process.env.VK_ICD_FILENAMES === undefined && existsSync(SWIFTSHADER)) {
  process.env.VK_ICD_FILENAMES = SWIFTSHADER;
}

/** Why tests on a GPU are skipped; undefined where they run. */
export const noGpu: string | undefined = await findGpu().then(
  () => undefined,
  (error) => (error instanceof Error ? error.message : String(error)),
);

if (noGpu !== undefined && process.env.IMAGO_NEEDS_WEBGPU !== undefined) {
  throw new Error(`IMAGO_NEEDS_WEBGPU is set, and ${noGpu}`);
}

/** Says that a file's tests do without a GPU where there is none. */
export const tellMissingGpu = (): void => {
  if (noGpu !== undefined) test.skip(`on a GPU (skipped: ${noGpu})`, () => {});
};

/** A group of tests on a GPU; skipped, by name, where there is none. */
export const describeOnGpu = (name: string, tests: () => void): void => {
  if (noGpu !== undefined) describe.skip(`${name} (skipped: ${noGpu})`, tests);
  else describe(name, tests);
};
