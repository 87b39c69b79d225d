// Convolution and its gradients on random shapes against a plain float64 loop.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lowerConv2d, lowerConv2dGradInput } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d.ts";
import { lowerConv2dGradFilter } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d_grad_filter.ts";
import type { Conv2dSpec } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d_spec.ts";
import { checkForward, checkGradFilter, checkGradInput, randomSpecs, withOutput } from "./conv2d_sums.ts";

const directions = {
  forward: (c: Conv2dSpec) => {
    const spec = { ...c, perImage: c.perImage === true && c.kh * c.kw > 1 };
    checkForward(spec, lowerConv2d(spec));
  },
  "image gradient": (c: Conv2dSpec) => {
    const spec = { ...c, residual: c.residual === true && c.stride.every((step) => step === 1) };
    checkGradInput(spec, lowerConv2dGradInput(spec));
  },
  "filter gradient": (spec: Conv2dSpec) => checkGradFilter(spec, lowerConv2dGradFilter(spec)),
};

const random = randomSpecs({
  channels: fc.constantFrom(1, 2, 3, 4, 5, 8, 9, 16, 19),
  side: fc.integer({ min: 1, max: 9 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  pad: fc.integer({ min: 0, max: 2 }),
});

const square = (
  n: number,
  size: number,
  ci: number,
  co: number,
  kernel: number,
  stride: number,
  padding: Conv2dSpec["padding"],
) => withOutput({ n, h: size, w: size, ci, co, kh: kernel, kw: kernel, stride: [stride, stride], padding });
const same = [1, 1, 1, 1] as const;
const shapes: Record<string, Conv2dSpec> = {
  "the first of a UNet": square(2, 16, 3, 64, 3, 1, same),
  "the last of a UNet": square(2, 16, 64, 3, 3, 1, same),
  "few results, padded unevenly": square(2, 9, 24, 3, 3, 1, [0, 1, 2, 1]),
  "three k blocks": square(1, 12, 128, 40, 3, 1, same),
  "nine k blocks": square(1, 6, 256, 24, 3, 1, same),
  "channels in parts": square(1, 5, 768, 8, 3, 1, same),
  "channels that have no parts": square(1, 4, 659, 8, 2, 1, [0, 1, 0, 1]),
  downsampling: square(2, 16, 64, 64, 3, 2, same),
  "downsampling padded at the end": square(2, 15, 32, 48, 3, 2, [0, 1, 0, 1]),
  "1 x 1": square(2, 8, 48, 72, 1, 1, [0, 0, 0, 0]),
  "1 x 1 with a stride": square(2, 9, 48, 72, 1, 2, [0, 0, 0, 0]),
  "few pixels, many channels": square(1, 4, 192, 256, 3, 1, same),
  "many pixels": square(2, 40, 16, 20, 3, 1, same),
  "many results, a vector for each image": {
    ...square(3, 7, 40, 152, 3, 2, same),
    ...{ bias: true, residual: true, perImage: true },
  },
};

for (const [name, run] of Object.entries(directions))
  describe(name, () => {
    test("random shapes", () => {
      fc.assert(fc.property(random, run), { numRuns: 120 });
    });
    for (const [what, spec] of Object.entries(shapes)) test(what, () => run(spec));
  });

test("sizes that do not fit are refused", () => {
  const spec = { ...shapes.downsampling!, oh: 9 };
  expect(() => lowerConv2d(spec)).toThrow(/got an output of 9x8, expected 8x8/);
  expect(() => lowerConv2d({ ...spec, ci: 0 })).toThrow(/size of 0/);
  const strided = { ...shapes.downsampling!, residual: true };
  expect(() => lowerConv2dGradInput(strided)).toThrow(
    /got a residual and a stride of 2,2, expected stride 1/,
  );
});
