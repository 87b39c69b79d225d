// Convolution and its gradients on random shapes against a plain float64 loop.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Conv2dSpec } from "../../src/engine/backends/cpu/kernels/conv2d.ts";
import { lowerConv2d, lowerConv2dGradInput } from "../../src/engine/backends/cpu/kernels/conv2d.ts";
import { lowerConv2dGradFilter } from "../../src/engine/backends/cpu/kernels/conv2d_grad_filter.ts";
import { compileLowered, noise, relativeError } from "./cpu_kernel_harness.ts";

type Sizes = Omit<Conv2dSpec, "oh" | "ow">;

function withOutput(spec: Sizes): Conv2dSpec {
  const [top, bottom, left, right] = spec.padding;
  return {
    ...spec,
    oh: Math.floor((spec.h + top + bottom - spec.kh) / spec.stride[0]) + 1,
    ow: Math.floor((spec.w + left + right - spec.kw) / spec.stride[1]) + 1,
  };
}

/** Calls `visit` for every product of the sum, with flat indices of x, w and y. */
function products(c: Conv2dSpec, visit: (x: number, w: number, y: number) => void): void {
  for (let n = 0; n < c.n; n++)
    for (let oy = 0; oy < c.oh; oy++)
      for (let ox = 0; ox < c.ow; ox++)
        for (let ky = 0; ky < c.kh; ky++)
          for (let kx = 0; kx < c.kw; kx++) {
            const iy = oy * c.stride[0] + ky - c.padding[0];
            const ix = ox * c.stride[1] + kx - c.padding[2];
            if (iy < 0 || ix < 0 || iy >= c.h || ix >= c.w) continue;
            const pixel = ((n * c.h + iy) * c.w + ix) * c.ci;
            const out = ((n * c.oh + oy) * c.ow + ox) * c.co;
            for (let i = 0; i < c.ci; i++)
              for (let o = 0; o < c.co; o++)
                visit(pixel + i, ((ky * c.kw + kx) * c.ci + i) * c.co + o, out + o);
          }
}

const sizesOf = (c: Conv2dSpec) => ({
  x: c.n * c.h * c.w * c.ci,
  w: c.kh * c.kw * c.ci * c.co,
  y: c.n * c.oh * c.ow * c.co,
});

function checkForward(spec: Conv2dSpec): void {
  const sizes = sizesOf(spec);
  const [x, w, bias] = [noise(sizes.x, 1), noise(sizes.w, 2), noise(spec.co, 3)];
  const want = Float64Array.from({ length: sizes.y }, (_, i) => (spec.bias ? bias[i % spec.co]! : 0));
  products(spec, (i, f, o) => {
    want[o]! += x[i]! * w[f]!;
  });
  check(lowerConv2d(spec), spec.bias ? [x, w, bias] : [x, w], want, spec);
}

function checkGradInput(spec: Conv2dSpec): void {
  const sizes = sizesOf(spec);
  const [dy, w] = [noise(sizes.y, 1), noise(sizes.w, 2)];
  const want = new Float64Array(sizes.x);
  products(spec, (i, f, o) => {
    want[i]! += dy[o]! * w[f]!;
  });
  check(lowerConv2dGradInput(spec), [dy, w], want, spec);
}

function checkGradFilter(spec: Conv2dSpec): void {
  const sizes = sizesOf(spec);
  const [x, dy] = [noise(sizes.x, 1), noise(sizes.y, 2)];
  const want = new Float64Array(sizes.w);
  products(spec, (i, f, o) => {
    want[f]! += x[i]! * dy[o]!;
  });
  check(lowerConv2dGradFilter(spec), [x, dy], want, spec);
}

function check(
  lowered: ReturnType<typeof lowerConv2d>,
  inputs: Float32Array[],
  want: Float64Array,
  spec: Conv2dSpec,
): void {
  const program = compileLowered(lowered, inputs, [want.length]);
  program.run();
  expect(relativeError(program.outputs[0]!, want), JSON.stringify(spec)).toBeLessThan(2e-6);
  program.checkGuards();
}

const directions = {
  forward: checkForward,
  "image gradient": checkGradInput,
  "filter gradient": checkGradFilter,
};

const channels = fc.constantFrom(1, 2, 3, 4, 5, 8, 9, 16, 19);
const side = fc.integer({ min: 1, max: 9 });
const pad = fc.integer({ min: 0, max: 2 });
const random = fc
  .record({
    n: fc.integer({ min: 1, max: 3 }),
    h: side,
    w: side,
    ci: channels,
    co: channels,
    kh: fc.integer({ min: 1, max: 4 }),
    kw: fc.integer({ min: 1, max: 4 }),
    stride: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    padding: fc.tuple(pad, pad, pad, pad),
    bias: fc.boolean(),
  })
  .map(withOutput)
  .filter(({ oh, ow }) => oh > 0 && ow > 0);

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
});
