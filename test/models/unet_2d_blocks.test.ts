// Single blocks with torch's seeded initial weights and inputs, against the values asserted in diffusers' own tests.

import { describe, expect, test } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { input, type Tensor } from "../../src/engine/tensor.ts";
import { downBlock, midBlock, upBlock } from "../../src/models/unet_2d_block_types.ts";
import type { ResnetSettings } from "../../src/models/unet_2d_blocks.ts";
import { evaluation } from "../../src/nn/forward_context.ts";
import type { Module } from "../../src/nn/module.ts";
import { backends } from "../support/backends.ts";
import { nchwToNhwc } from "../support/nchw.ts";

const [N, C, SIZE, TEMB] = [4, 32, 32, 128];
const resnet: ResnetSettings = {
  tembChannels: TEMB,
  groups: 32,
  eps: 1e-6,
  actFn: "swish",
  timeScaleShift: "default",
  dropout: 0,
};
const shared = { inChannels: C, outChannels: C, layers: 1, attentionHeadDim: 1, resnet };

const hidden = input([1, SIZE, SIZE, C], "f32", "hidden");
const skip = input([1, SIZE, SIZE, C], "f32", "skip");
const temb = input([1, TEMB], "f32", "temb");

const down = (type: string, downsample: "conv" | "resnet" = "conv") => {
  const block = downBlock(type, { ...shared, downsample, downsamplePadding: 1 });
  return { block, output: block.forward(hidden, temb, evaluation).hidden, skips: false };
};
const up = (type: string) => {
  const block = upBlock(type, { ...shared, prevOutputChannel: C, upsample: "conv" });
  return { block, output: block.forward(hidden, [skip], temb, evaluation), skips: true };
};
const mid = () => {
  const Block = midBlock("UNetMidBlock2D");
  const block = new Block({
    channels: C,
    attentionHeadDim: 1,
    attentionGroups: 32,
    outputScaleFactor: 1,
    resnet,
  });
  return { block, output: block.forward(hidden, temb, evaluation), skips: false };
};

interface Built {
  readonly block: Module;
  readonly output: Tensor;
  /** Whether it takes skip connections; their random numbers, and the weights', then begin again from seed 1. */
  readonly skips: boolean;
}

/** Rows and columns -3 to -1 of the first image's last channel. */
async function cornerOf(backend: Backend, { block, output, skips }: Built): Promise<number[]> {
  // All images are drawn, and the first is used: no block mixes images.
  const first = (values: Float32Array) => nchwToNhwc(values.slice(0, C * SIZE * SIZE), [1, C, SIZE, SIZE]);
  const generator = new TorchGenerator(0);
  const hiddenValue = first(generator.randn(N * C * SIZE * SIZE));
  const tembValue = generator.randn(N * TEMB).slice(0, TEMB);
  const later = skips ? new TorchGenerator(1) : generator;
  const skipValue = skips ? [first(later.randn(N * C * SIZE * SIZE))] : [];
  block.initialize(later);
  block.upload(backend);
  const inputs = [hidden, temb, ...(skips ? [skip] : [])];
  const executable = await backend.compile({ name: "block", inputs, outputs: [output] });
  const [values] = await executable.run([hiddenValue, tembValue, ...skipValue]);
  const [, h, w, c] = output.shape;
  return [3, 2, 1].flatMap((y) => [3, 2, 1].map((x) => values[((h - y) * w + (w - x)) * c + c - 1]));
}

const cases: readonly { name: string; build: () => Built; expected: string; attention: boolean }[] = [
  {
    name: "DownBlock2D",
    attention: false,
    build: () => down("DownBlock2D"),
    expected: "-0.0232 -0.9869 0.8054 -0.0637 -0.1688 -1.4264 0.4470 -1.3394 0.0904",
  },
  {
    name: "ResnetDownsampleBlock2D",
    attention: false,
    build: () => down("ResnetDownsampleBlock2D"),
    expected: "0.0710 0.2410 -0.7320 -1.0757 -1.1343 0.3540 -0.0133 -0.2576 0.0948",
  },
  {
    name: "AttnDownBlock2D",
    attention: true,
    build: () => down("AttnDownBlock2D"),
    expected: "0.0636 0.8964 -0.6234 -1.0131 0.0844 0.4935 0.3437 0.0911 -0.2957",
  },
  {
    name: "UNetMidBlock2D",
    attention: true,
    build: mid,
    expected: "-0.1062 1.7248 0.3494 1.4569 -0.0910 -1.2421 -0.9984 0.6736 1.0028",
  },
  {
    name: "UpBlock2D",
    attention: false,
    build: () => up("UpBlock2D"),
    expected: "-0.2041 -0.4165 -0.3022 0.0041 -0.6628 -0.7053 0.1928 -0.0325 0.0523",
  },
  {
    name: "ResnetUpsampleBlock2D",
    attention: false,
    build: () => up("ResnetUpsampleBlock2D"),
    expected: "0.2287 0.3549 -0.1346 0.4797 -0.1715 -0.9649 0.7305 -0.5864 -0.6244",
  },
  {
    name: "AttnUpBlock2D",
    attention: true,
    build: () => up("AttnUpBlock2D"),
    expected: "0.0979 0.1326 0.0021 0.0659 0.2249 0.0059 0.1132 0.5952 0.1033",
  },
];

describe.each(backends)("on $name", ({ name, create }) => {
  // 32 heads of one channel over 1,024 pixels: attention weights of 2^25 numbers, too many for float64 and patience.
  const feasible = cases.filter(({ attention }) => name !== "reference" || !attention);

  test.each(feasible)("$name", async ({ build, expected }) => {
    const backend = await create();
    try {
      const got = await cornerOf(backend, build());
      for (const [i, value] of expected.split(" ").entries()) {
        expect(Math.abs(got[i] - Number(value)), `value ${i} is ${got[i]}, not ${value}`).toBeLessThan(2e-4);
      }
    } finally {
      await backend.close();
    }
  });
});
