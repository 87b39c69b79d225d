"""Images that diffusers' RePaint draws, with torch's CPU generator.

    python repaint_images.py > test/fixtures/repaint_images.json

The model is the tiny UNet of diffusers' pipeline tests, initialised by torch.manual_seed(0); image and mask are computed
by a formula that the test repeats. Each row holds the options, the timesteps and the pixels [1, height, width, 3] as
bytes in base64.
"""

import base64
import json

import numpy
import torch
from diffusers import RePaintPipeline, RePaintScheduler, UNet2DModel

SIDE = 8
ROWS = [
    {"steps": 20, "jump_length": 4, "jump_n_sample": 3, "eta": 0.0},
    {"steps": 20, "jump_length": 4, "jump_n_sample": 3, "eta": 1.0},
    {"steps": 30, "jump_length": 10, "jump_n_sample": 2, "eta": 0.5},
    {"steps": 7, "jump_length": 10, "jump_n_sample": 10, "eta": 0.0},
    {"steps": 12, "jump_length": 1, "jump_n_sample": 4, "eta": 0.0},
    {"steps": 250, "jump_length": 10, "jump_n_sample": 1, "eta": 1.0},
]


def tiny_unet() -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(sample_size=SIDE, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=4,
                       down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                       up_block_types=("AttnUpBlock2D", "UpBlock2D")).eval()


def image_and_mask() -> tuple[torch.Tensor, torch.Tensor]:
    levels = (numpy.arange(SIDE * SIDE * 3) * 37 % 256).astype(numpy.float32).reshape(SIDE, SIDE, 3)
    row, column = numpy.mgrid[0:SIDE, 0:SIDE]
    mask = (row * column % 3 > 0).astype(numpy.float32)
    return torch.from_numpy(levels / 255 * 2 - 1).permute(2, 0, 1)[None], torch.from_numpy(mask)[None, None]


def main() -> None:
    image, mask = image_and_mask()
    rows = []
    for row in ROWS:
        for seed in (0, 1234):
            scheduler = RePaintScheduler()
            pipeline = RePaintPipeline(unet=tiny_unet(), scheduler=scheduler)
            pipeline.set_progress_bar_config(disable=True)
            generator = torch.Generator("cpu").manual_seed(seed)
            images = pipeline(image=image, mask_image=mask, num_inference_steps=row["steps"],
                              jump_length=row["jump_length"], jump_n_sample=row["jump_n_sample"], eta=row["eta"],
                              generator=generator, output_type="np").images
            levels = (images * 255).round().astype(numpy.uint8)
            rows.append(json.dumps({**row, "seed": seed, "timesteps": scheduler.timesteps.tolist()[:40],
                                    "timestep_count": len(scheduler.timesteps),
                                    "pixels": base64.b64encode(levels.tobytes()).decode()}))
    print("[\n" + ",\n".join(rows) + "\n]")


if __name__ == "__main__":
    main()
