// The codec of models that see pixels from 0 to 1, and not from -1 to 1, as those of diffusers' ScoreSdeVePipeline do.

import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import type { Codec } from "./codec.ts";

/** The class name in the config.json of a run. */
export const UNIT_RANGE_CODEC = "UnitRangeCodec";

/** The class of diffusers whose models see such pixels. */
export const UNIT_RANGE_PIPELINE = "ScoreSdeVePipeline";

const changed = ({ data, shape }: HostTensor, to: (value: number) => number): HostTensor =>
  hostTensor(data.map(to), shape);

/** Pixels from 0 to 1. */
export const unitRange: Codec = {
  saved: { className: UNIT_RANGE_CODEC, config: {}, components: [], diffusersClass: UNIT_RANGE_PIPELINE },
  keepsValues: false,
  latentSize: (images) => images,
  imageSize: (latents) => latents,
  encode: async (images) => changed(images, (value) => value / 2 + 0.5),
  decode: async (latents) => changed(latents, (value) => value * 2 - 1),
};
