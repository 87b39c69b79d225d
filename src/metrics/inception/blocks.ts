// The blocks of Inception-v3 (Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision",
// figures 5 to 7) with the names of torchvision's state dict and the pools of the network that defines FID: averages
// at the edge count only pixels inside the image, and the last block takes a maximum instead of the average.

import { concat, type Tensor } from "../../engine/tensor.ts";
import { relu } from "../../nn/activations.ts";
import { Conv2d } from "../../nn/conv2d.ts";
import { Module } from "../../nn/module.ts";
import { averagePool3x3, maxPool3x3, maxPool3x3Stride2 } from "../../nn/pool_2d.ts";

type Kernel = readonly [height: number, width: number];

/** A convolution with its batch norm folded into weight and bias, then ReLU. "same" keeps the image's size. */
export class BasicConv2d extends Module {
  readonly #conv: Conv2d;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Kernel,
    { stride = 1, padding = "same" }: { stride?: number; padding?: "same" | "none" } = {},
  ) {
    super();
    const [h, w] = padding === "same" ? [(kernelSize[0] - 1) / 2, (kernelSize[1] - 1) / 2] : [0, 0];
    const options = { inChannels, outChannels, kernelSize, stride, padding: [h, h, w, w] } as const;
    this.#conv = this.child("conv", new Conv2d(options));
  }

  forward(x: Tensor): Tensor {
    return relu(this.#conv.forward(x));
  }
}

const POINT: Kernel = [1, 1];
const THREE: Kernel = [3, 3];
const ROW: Kernel = [1, 7];
const COLUMN: Kernel = [7, 1];
const HALVING = { stride: 2, padding: "none" } as const;

/** Layers from images to images. */
type Branch = (x: Tensor) => Tensor;

/** A named convolution of a branch. */
type Layer = readonly [
  name: string,
  channels: number,
  kernel: Kernel,
  options?: { stride?: number; padding?: "same" | "none" },
];

/** A block whose branches read the same image; their results are concatenated along the channels. */
export abstract class InceptionBlock extends Module {
  abstract readonly outChannels: number;
  protected abstract readonly branches: readonly Branch[];

  forward(x: Tensor): Tensor {
    return concat(
      this.branches.map((branch) => branch(x)),
      3,
    );
  }

  /** A chain of convolutions. */
  protected branch(inChannels: number, layers: readonly Layer[]): Branch {
    let channels = inChannels;
    const convs = layers.map(([name, outChannels, kernel, options]) => {
      const conv = this.child(name, new BasicConv2d(channels, outChannels, kernel, options));
      channels = outChannels;
      return conv;
    });
    return (x) => convs.reduce((y, conv) => conv.forward(y), x);
  }

  /** The branch that pools the image first. */
  protected pooled(pool: Branch, inChannels: number, channels: number): Branch {
    const branch = this.branch(inChannels, [["branch_pool", channels, POINT]]);
    return (x) => branch(pool(x));
  }

  /** A chain of layers, then a row filter and a column filter side by side on its result. */
  protected forked(inChannels: number, layers: readonly Layer[], fork: string, channels: number): Branch {
    const stem = this.branch(inChannels, layers);
    const from = layers.at(-1)?.[1] ?? inChannels;
    const row = this.branch(from, [[`${fork}a`, channels, [1, 3]]]);
    const column = this.branch(from, [[`${fork}b`, channels, [3, 1]]]);
    return (x) => {
      const inner = stem(x);
      return concat([row(inner), column(inner)], 3);
    };
  }
}

/** Maps channels to those of a narrower network, for tests. */
export type Width = (channels: number) => number;

/** 35 x 35 images. */
export class InceptionA extends InceptionBlock {
  readonly outChannels: number;
  protected readonly branches: readonly Branch[];

  constructor(inChannels: number, poolChannels: number, w: Width) {
    super();
    this.branches = [
      this.branch(inChannels, [["branch1x1", w(64), POINT]]),
      this.branch(inChannels, [
        ["branch5x5_1", w(48), POINT],
        ["branch5x5_2", w(64), [5, 5]],
      ]),
      this.branch(inChannels, [
        ["branch3x3dbl_1", w(64), POINT],
        ["branch3x3dbl_2", w(96), THREE],
        ["branch3x3dbl_3", w(96), THREE],
      ]),
      this.pooled(averagePool3x3, inChannels, w(poolChannels)),
    ];
    this.outChannels = w(64) + w(64) + w(96) + w(poolChannels);
  }
}

/** From 35 x 35 to 17 x 17. */
export class InceptionB extends InceptionBlock {
  readonly outChannels: number;
  protected readonly branches: readonly Branch[];

  constructor(inChannels: number, w: Width) {
    super();
    this.branches = [
      this.branch(inChannels, [["branch3x3", w(384), THREE, HALVING]]),
      this.branch(inChannels, [
        ["branch3x3dbl_1", w(64), POINT],
        ["branch3x3dbl_2", w(96), THREE],
        ["branch3x3dbl_3", w(96), THREE, HALVING],
      ]),
      maxPool3x3Stride2,
    ];
    this.outChannels = w(384) + w(96) + inChannels;
  }
}

/** 17 x 17 images: 7 x 7 filters as a row and a column. */
export class InceptionC extends InceptionBlock {
  readonly outChannels: number;
  protected readonly branches: readonly Branch[];

  constructor(inChannels: number, innerChannels: number, w: Width) {
    super();
    const inner = w(innerChannels);
    this.branches = [
      this.branch(inChannels, [["branch1x1", w(192), POINT]]),
      this.branch(inChannels, [
        ["branch7x7_1", inner, POINT],
        ["branch7x7_2", inner, ROW],
        ["branch7x7_3", w(192), COLUMN],
      ]),
      this.branch(inChannels, [
        ["branch7x7dbl_1", inner, POINT],
        ["branch7x7dbl_2", inner, COLUMN],
        ["branch7x7dbl_3", inner, ROW],
        ["branch7x7dbl_4", inner, COLUMN],
        ["branch7x7dbl_5", w(192), ROW],
      ]),
      this.pooled(averagePool3x3, inChannels, w(192)),
    ];
    this.outChannels = 4 * w(192);
  }
}

/** From 17 x 17 to 8 x 8. */
export class InceptionD extends InceptionBlock {
  readonly outChannels: number;
  protected readonly branches: readonly Branch[];

  constructor(inChannels: number, w: Width) {
    super();
    this.branches = [
      this.branch(inChannels, [
        ["branch3x3_1", w(192), POINT],
        ["branch3x3_2", w(320), THREE, HALVING],
      ]),
      this.branch(inChannels, [
        ["branch7x7x3_1", w(192), POINT],
        ["branch7x7x3_2", w(192), ROW],
        ["branch7x7x3_3", w(192), COLUMN],
        ["branch7x7x3_4", w(192), THREE, HALVING],
      ]),
      maxPool3x3Stride2,
    ];
    this.outChannels = w(320) + w(192) + inChannels;
  }
}

/** 8 x 8 images: 3 x 3 filters as a row and a column side by side. */
export class InceptionE extends InceptionBlock {
  readonly outChannels: number;
  protected readonly branches: readonly Branch[];

  constructor(inChannels: number, pooling: "average" | "max", w: Width) {
    super();
    const stem: Layer = ["branch3x3dbl_1", w(448), POINT];
    this.branches = [
      this.branch(inChannels, [["branch1x1", w(320), POINT]]),
      this.forked(inChannels, [["branch3x3_1", w(384), POINT]], "branch3x3_2", w(384)),
      this.forked(inChannels, [stem, ["branch3x3dbl_2", w(384), THREE]], "branch3x3dbl_3", w(384)),
      this.pooled(pooling === "average" ? averagePool3x3 : maxPool3x3, inChannels, w(192)),
    ];
    this.outChannels = w(320) + 4 * w(384) + w(192);
  }
}
