// What only models of Stable Diffusion XL are told: texts for the second text encoder, and sizes.

import type { Extent } from "../../io/image/index.ts";
import type { TextOptions } from "../../pipelines/text_options.ts";
import type { TextXLOptions } from "../../pipelines/text_xl_conditioner.ts";
import type { SizePair } from "../../pipelines/time_ids.ts";
import type { Event } from "../output.ts";
import { ofPrompts } from "./drawing.ts";
import type { SampleFlags } from "./flags.ts";

/** The options of a call that these flags are. */
export function xlOptions(flags: SampleFlags): Omit<TextXLOptions, keyof TextOptions> {
  const { prompt2, negative2, originalSize, targetSize, cropTopLeft } = flags;
  const { negativeOriginalSize, negativeTargetSize, negativeCropTopLeft } = flags;
  return {
    ...(prompt2 && { prompt2: ofPrompts(flags, prompt2) }),
    ...(negative2 && { negativePrompt2: ofPrompts(flags, negative2) }),
    ...(originalSize && { originalSize: pair(originalSize) }),
    ...(targetSize && { targetSize: pair(targetSize) }),
    ...(cropTopLeft && { cropsCoordsTopLeft: cropTopLeft }),
    ...(negativeOriginalSize && { negativeOriginalSize: pair(negativeOriginalSize) }),
    ...(negativeTargetSize && { negativeTargetSize: pair(negativeTargetSize) }),
    ...(negativeCropTopLeft && { negativeCropsCoordsTopLeft: negativeCropTopLeft }),
  };
}

const pair = ({ width, height }: Extent): SizePair => [height, width];

/** What the report says of them; sizes are [height, width]. */
export function xlReport(flags: SampleFlags): Event {
  const { prompt2, negative2 } = flags;
  const told = xlOptions(flags);
  return {
    ...(prompt2 && { prompt_2: prompt2 }),
    ...(negative2 && { negative_2: negative2 }),
    ...(told.originalSize && { original_size: told.originalSize }),
    ...(told.targetSize && { target_size: told.targetSize }),
    ...(told.cropsCoordsTopLeft && { crop_top_left: told.cropsCoordsTopLeft }),
    ...(told.negativeOriginalSize && { negative_original_size: told.negativeOriginalSize }),
    ...(told.negativeTargetSize && { negative_target_size: told.negativeTargetSize }),
    ...(told.negativeCropsCoordsTopLeft && { negative_crop_top_left: told.negativeCropsCoordsTopLeft }),
  };
}
