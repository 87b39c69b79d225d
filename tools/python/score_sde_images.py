"""Images that diffusers' ScoreSdeVePipeline draws at a seed with torch's CPU generator.

    python score_sde_images.py > test/fixtures/score_sde_images.json

The model is that of torch_seed_images.py. Its images are single ones, as the corrector's steps follow from a whole batch.
"""

import base64
import json

import numpy
import torch
from diffusers import ScoreSdeVePipeline, ScoreSdeVeScheduler

from torch_seed_images import tiny_unet

# The noise of the published ones would leave little that is neither black nor white.
OPTIONS = dict(num_train_timesteps=40, sigma_max=1.5, snr=0.15)


def main() -> None:
    pipeline = ScoreSdeVePipeline(unet=tiny_unet(), scheduler=ScoreSdeVeScheduler(**OPTIONS))
    pipeline.set_progress_bar_config(disable=True)
    rows = []
    for steps, seed in ((12, 0), (12, 1234), (40, 5)):
        generator = torch.Generator("cpu").manual_seed(seed)
        images = pipeline(num_inference_steps=steps, generator=generator, output_type="np").images
        levels = (images * 255).round().astype(numpy.uint8)
        rows.append({"steps": steps, "seed": seed, "pixels": base64.b64encode(levels.tobytes()).decode()})
    print(json.dumps({"scheduler": OPTIONS, "rows": rows}))


if __name__ == "__main__":
    main()
