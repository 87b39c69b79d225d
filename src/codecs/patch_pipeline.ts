// How a model of patches stands in a pipeline's folder: patch_size in model_index.json, and beside it a pipeline.py,
// which diffusers loads as a custom pipeline. UNet and scheduler are those of any pipeline.

import type { CustomPipeline } from "./codec.ts";

/** The class in pipeline.py. */
export const PATCH_PIPELINE = "PatchPipeline";

/** Clamping to [0, 1] is per value, so DDPMPipeline may do it before the patches become pixels. */
const SOURCE = `# Draws images with a UNet2DModel that sees squares of pixels as the channels of one position. Load it with
# DiffusionPipeline.from_pretrained(FOLDER, trust_remote_code=True); it is called like a DDPMPipeline.

import torch
from diffusers import DDPMPipeline, ImagePipelineOutput


class ${PATCH_PIPELINE}(DDPMPipeline):
    def __init__(self, unet, scheduler, patch_size: int = 1):
        super().__init__(unet, scheduler)
        self.register_to_config(patch_size=patch_size)

    @torch.no_grad()
    def __call__(self, *args, output_type="pil", return_dict=True, **kwargs):
        patches = super().__call__(*args, output_type="np", return_dict=False, **kwargs)[0]
        channels_first = torch.from_numpy(patches).permute(0, 3, 1, 2)
        pixels = torch.nn.functional.pixel_shuffle(channels_first, self.config.patch_size)
        images = pixels.permute(0, 2, 3, 1).numpy()
        if output_type == "pil":
            images = self.numpy_to_pil(images)
        return ImagePipelineOutput(images=images) if return_dict else (images,)
`;

/** The pipeline of a folder whose model sees patches of this side. */
export const patchPipeline = (patchSize: number): CustomPipeline => ({
  className: PATCH_PIPELINE,
  source: SOURCE,
  settings: { patch_size: patchSize },
});
