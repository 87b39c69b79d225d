// The options that AutoencoderKL and VQModel share: their levels.

import * as v from "valibot";
import { activationNames } from "../nn/activations.ts";
import { channels, count, MOST, perLevel } from "./model_config.ts";

const types = perLevel(v.string());

/** In the order of config.json. */
export const levelEntries = {
  /** Channels of an image. Default 3. */
  inChannels: v.optional(channels, 3),
  /** Channels of a decoded image. Default 3. */
  outChannels: v.optional(channels, 3),
  /** One for each level, all DownEncoderBlock2D. */
  downBlockTypes: v.optional(types, ["DownEncoderBlock2D"]),
  /** One for each level, all UpDecoderBlock2D. */
  upBlockTypes: v.optional(types, ["UpDecoderBlock2D"]),
  /** Channels of each level, from the image's size to that of the latents. */
  blockOutChannels: v.optional(perLevel(channels), [64]),
  /** Resnets of a level of the encoder; those of the decoder have one more. */
  layersPerBlock: v.optional(count(MOST.layers), 1),
  /** The resnets' activation. Default "silu". */
  actFn: v.optional(v.picklist(activationNames), "silu"),
};
