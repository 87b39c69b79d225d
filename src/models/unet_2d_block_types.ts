// The block names that a UNet2DModel config may have, and the block of each.

import { plain } from "../io/plain.ts";
import {
  DownBlock2D,
  type DownBlockOptions,
  UNetMidBlock2D,
  UpBlock2D,
  type UpBlockOptions,
} from "./unet_2d_blocks.ts";
import { ModelConfigError } from "./unet_2d_config.ts";

type DownOptions = Omit<DownBlockOptions, "attentionHeadDim"> & { readonly attentionHeadDim: number };
type UpOptions = Omit<UpBlockOptions, "attentionHeadDim"> & { readonly attentionHeadDim: number };

/** Blocks without attention resample as their name says; those with attention as downsample_type says. */
const downBlocks: Readonly<Record<string, (options: DownOptions) => DownBlock2D>> = {
  DownBlock2D: (o) =>
    new DownBlock2D({ ...o, attentionHeadDim: null, downsample: o.downsample === null ? null : "conv" }),
  ResnetDownsampleBlock2D: (o) =>
    new DownBlock2D({ ...o, attentionHeadDim: null, downsample: o.downsample === null ? null : "resnet" }),
  AttnDownBlock2D: (o) => new DownBlock2D(o),
};

const upBlocks: Readonly<Record<string, (options: UpOptions) => UpBlock2D>> = {
  UpBlock2D: (o) =>
    new UpBlock2D({ ...o, attentionHeadDim: null, upsample: o.upsample === null ? null : "conv" }),
  ResnetUpsampleBlock2D: (o) =>
    new UpBlock2D({ ...o, attentionHeadDim: null, upsample: o.upsample === null ? null : "resnet" }),
  AttnUpBlock2D: (o) => new UpBlock2D(o),
};

const midBlocks: Readonly<Record<string, typeof UNetMidBlock2D>> = { UNetMidBlock2D };

function lookUp<T>(kind: string, known: Readonly<Record<string, T>>, type: string): T {
  const name = type.replace(/^UNetRes/, "");
  if (!Object.hasOwn(known, name)) {
    throw new ModelConfigError(
      `UNet2DModel config: unknown ${kind} block type ${plain(type)}; known are ${Object.keys(known).join(", ")}`,
    );
  }
  return known[name];
}

/** @throws ModelConfigError for an unknown type, naming those known */
export const downBlock = (type: string, options: DownOptions) => lookUp("down", downBlocks, type)(options);
/** @throws ModelConfigError for an unknown type, naming those known */
export const upBlock = (type: string, options: UpOptions) => lookUp("up", upBlocks, type)(options);
/** @throws ModelConfigError for an unknown type, naming those known */
export const midBlock = (type: string) => lookUp("mid", midBlocks, type);
