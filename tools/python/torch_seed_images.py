"""Images that diffusers draws at a seed with torch's CPU generator, for several samplers.

    python torch_seed_images.py > test/fixtures/torch_seed_images.json

The model is the tiny UNet of diffusers' pipeline tests, initialised by torch.manual_seed(0). Each row holds the
scheduler's class, the options, and the pixels [count, height, width, 3] as bytes in base64. DDPM and DDIM run in
their pipelines; the others in the loop of all of diffusers' later pipelines.
"""

import base64
import json

import diffusers
import numpy
import torch
from diffusers import DDIMPipeline, DDPMPipeline, DDPMScheduler, UNet2DModel

COUNT = 3
ROWS = [
    ("DDPMScheduler", 12, {}),
    ("DDIMScheduler", 10, {}),
    ("DDIMScheduler", 10, {"eta": 0.7}),
    ("PNDMScheduler", 8, {}),
    ("LCMScheduler", 4, {}),
    ("TCDScheduler", 4, {}),
    ("EulerDiscreteScheduler", 10, {}),
    ("EulerAncestralDiscreteScheduler", 10, {}),
    ("HeunDiscreteScheduler", 6, {}),
    ("DPMSolverMultistepScheduler", 10, {}),
    ("UniPCMultistepScheduler", 10, {}),
]


def tiny_unet() -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(sample_size=8, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=4,
                       down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                       up_block_types=("AttnUpBlock2D", "UpBlock2D")).eval()


def loop(unet: UNet2DModel, scheduler, steps: int, generator: torch.Generator) -> numpy.ndarray:
    scheduler.set_timesteps(steps)
    takes_generator = "generator" in scheduler.step.__code__.co_varnames
    options = {"generator": generator} if takes_generator else {}
    sample = torch.randn((COUNT, 3, 8, 8), generator=generator) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        with torch.no_grad():
            output = unet(scheduler.scale_model_input(sample, t), t).sample
        sample = scheduler.step(output, t, sample, **options).prev_sample
    return (sample / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def images(name: str, steps: int, options: dict, seed: int) -> numpy.ndarray:
    unet = tiny_unet()
    scheduler = getattr(diffusers, name).from_config(DDPMScheduler().config)
    generator = torch.Generator("cpu").manual_seed(seed)
    pipelines = {"DDPMScheduler": DDPMPipeline, "DDIMScheduler": DDIMPipeline}
    if name not in pipelines:
        return loop(unet, scheduler, steps, generator)
    pipeline = pipelines[name](unet=unet, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(batch_size=COUNT, generator=generator, num_inference_steps=steps, output_type="np", **options).images


def main() -> None:
    rows = []
    for name, steps, options in ROWS:
        for seed in (0, 1234):
            levels = (images(name, steps, options, seed) * 255).round().astype(numpy.uint8)
            rows.append(json.dumps({"scheduler": name, "steps": steps, "seed": seed, "count": COUNT, "options": options,
                                    "pixels": base64.b64encode(levels.tobytes()).decode()}))
    print("[\n" + ",\n".join(rows) + "\n]")


if __name__ == "__main__":
    main()
