// Latents that a second model goes on from, where several processes draw a part of the images each.

import { expect, test } from "vitest";
import { turned } from "../../src/cli/sample/handover.ts";
import { hostTensor } from "../../src/engine/host_tensor.ts";
import { cycled } from "../../src/pipelines/image_start.ts";

test.each([
  { firstImage: 0, count: 3 },
  { firstImage: 1, count: 3 },
  { firstImage: 5, count: 3 },
  { firstImage: 2, count: 1 },
])("images find their own latents, %o", ({ firstImage, count }) => {
  const latents = hostTensor(
    Float32Array.from({ length: 2 * count }, (_, i) => i),
    [count, 1, 1, 2],
  );
  const given = turned(latents, { firstImage, count });
  expect(cycled(given, firstImage, latents.shape)).toEqual(latents);
});
