// A convolution and its gradients as plain loops in float64: the expected values for kernels.

import fc from "fast-check";
import { expect } from "vitest";
import type { Conv2dSpec } from "../../src/engine/backends/cpu/kernels/conv2d/conv2d_spec.ts";
import type { Lowered } from "../../src/engine/backends/cpu/kernels/kernel.ts";
import { compileLowered, noise, relativeError } from "./cpu_kernel_harness.ts";

/** Norm of the error over norm of the result. */
const TOLERANCE = 3e-6;

export type Sizes = Omit<Conv2dSpec, "oh" | "ow">;

/** The sizes of the result, from those of the image and the filter. */
export function withOutput(spec: Sizes): Conv2dSpec {
  const [top, bottom, left, right] = spec.padding;
  return {
    ...spec,
    oh: Math.floor((spec.h + top + bottom - spec.kh) / spec.stride[0]) + 1,
    ow: Math.floor((spec.w + left + right - spec.kw) / spec.stride[1]) + 1,
  };
}

/** What random convolutions are made of. */
export interface SizeRanges {
  readonly channels: fc.Arbitrary<number>;
  /** Of images. */
  readonly side: fc.Arbitrary<number>;
  /** Side of filters. */
  readonly kernel: fc.Arbitrary<number>;
  readonly stride: fc.Arbitrary<number>;
  readonly pad: fc.Arbitrary<number>;
}

/** Random convolutions whose filters fit the image. */
export const randomSpecs = ({ channels, side, kernel, stride, pad }: SizeRanges): fc.Arbitrary<Conv2dSpec> =>
  fc
    .record({
      n: fc.integer({ min: 1, max: 3 }),
      h: side,
      w: side,
      ci: channels,
      co: channels,
      kh: kernel,
      kw: kernel,
      stride: fc.tuple(stride, stride),
      padding: fc.tuple(pad, pad, pad, pad),
      bias: fc.boolean(),
      residual: fc.boolean(),
      perImage: fc.boolean(),
    })
    .map(withOutput)
    .filter(({ oh, ow }) => oh > 0 && ow > 0);

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

/** Forward, gradient of the image and gradient of the filters, each in a way given or in the way that the shapes choose. */
export function checkForward(spec: Conv2dSpec, lowered: Lowered): void {
  const sizes = sizesOf(spec);
  const [x, w, bias, residual] = [
    noise(sizes.x, 1),
    noise(sizes.w, 2),
    noise(spec.bias ? spec.co : 0, 3),
    noise(spec.residual ? (spec.perImage ? spec.n * spec.co : sizes.y) : 0, 4),
  ];
  const image = sizes.y / spec.n;
  const residualAt = (i: number): number =>
    spec.perImage ? Math.floor(i / image) * spec.co + (i % spec.co) : i;
  const want = Float64Array.from(
    { length: sizes.y },
    (_, i) => (spec.bias ? bias[i % spec.co]! : 0) + (spec.residual ? residual[residualAt(i)]! : 0),
  );
  products(spec, (i, f, o) => {
    want[o]! += x[i]! * w[f]!;
  });
  const inputs = [x, w, bias, residual].filter(({ length }) => length > 0);
  check(lowered, inputs, want, spec);
}

export function checkGradInput(spec: Conv2dSpec, lowered: Lowered): void {
  const sizes = sizesOf(spec);
  const [dy, w, residual] = [noise(sizes.y, 1), noise(sizes.w, 2), noise(sizes.x, 4)];
  const want = spec.residual ? Float64Array.from(residual) : new Float64Array(sizes.x);
  products(spec, (i, f, o) => {
    want[i]! += dy[o]! * w[f]!;
  });
  check(lowered, spec.residual ? [dy, w, residual] : [dy, w], want, spec);
}

export function checkGradFilter(spec: Conv2dSpec, lowered: Lowered): void {
  const sizes = sizesOf(spec);
  const [x, dy] = [noise(sizes.x, 1), noise(sizes.y, 2)];
  const want = new Float64Array(sizes.w);
  products(spec, (i, f, o) => {
    want[f]! += x[i]! * dy[o]!;
  });
  check(lowered, [x, dy], want, spec);
}

function check(lowered: Lowered, inputs: Float32Array[], want: Float64Array, spec: Conv2dSpec): void {
  const program = compileLowered(lowered, inputs, [want.length]);
  program.run();
  expect(relativeError(program.outputs[0]!, want), JSON.stringify(spec)).toBeLessThan(TOLERANCE);
  program.checkGuards();
}
