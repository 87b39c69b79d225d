// 2-D convolution over NHWC images.

import type { Padding } from "../engine/graph.ts";
import type { Tensor } from "../engine/tensor.ts";
import { uniformFanIn } from "./init.ts";
import { Module } from "./module.ts";
import type { Parameter } from "./parameter.ts";

/** Sizes of a 2-D convolution. */
export interface Conv2dOptions {
  /** Channels of the image. */
  readonly inChannels: number;
  /** Channels of the result: the number of filters. */
  readonly outChannels: number;
  /** Height and width of the filter: one number for both or [height, width]. */
  readonly kernelSize: number | readonly [height: number, width: number];
  /** Default 1. */
  readonly stride?: number;
  /** Zeros around the image: one number for all sides or [top, bottom, left, right]. Default 0. */
  readonly padding?: number | Padding;
  /** Default true. */
  readonly bias?: boolean;
}

/** A 2-D convolution [N, H, W, Ci] to [N, H', W', Co], with torch's parameters. */
export class Conv2d extends Module {
  readonly #weight: Parameter;
  readonly #bias: Parameter | null;
  readonly #stride: number;
  readonly #padding: Padding;

  constructor(options: Conv2dOptions) {
    super();
    const { inChannels, outChannels, kernelSize, stride = 1, padding = 0, bias = true } = options;
    const [height, width] = typeof kernelSize === "number" ? [kernelSize, kernelSize] : kernelSize;
    const init = uniformFanIn(inChannels * height * width);
    this.#weight = this.parameter({
      name: "weight",
      torchShape: [outChannels, inChannels, height, width],
      layout: "conv",
      init,
    });
    this.#bias = bias ? this.parameter({ name: "bias", torchShape: [outChannels], init }) : null;
    this.#stride = stride;
    this.#padding = typeof padding === "number" ? [padding, padding, padding, padding] : padding;
  }

  /** [N, H, W, inChannels] -> [N, OH, OW, outChannels]. */
  forward(x: Tensor): Tensor {
    const options = { stride: [this.#stride, this.#stride], padding: this.#padding } as const;
    const product = x.conv2d(this.#weight.tensor, options);
    return this.#bias === null ? product : product.add(this.#bias.tensor);
  }
}
