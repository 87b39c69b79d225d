"""Images that a class-conditional UNet of diffusers draws with classifier-free guidance, with torch's CPU generator.

    python guided_images.py > test/fixtures/guided_images.json

The model is the tiny UNet of diffusers' pipeline tests with three classes and a row for none, initialised by
torch.manual_seed(0); with learned variance it returns six channels. The loop is that of DiTPipeline without a VAE: uncond +
scale * (cond - uncond), the variance from the conditional output. The rescale is that of diffusers' guiders. Each row
holds the options and the pixels [count, height, width, 3] as bytes in base64.
"""

import base64
import json

import diffusers
import numpy
import torch
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.guiders.classifier_free_guidance import rescale_noise_cfg

CLASSES = [2, 0, 1]
NULL = 3
# Scheduler, steps, guidance, its rescale, whether the variance is learned.
ROWS = [
    ("DDIMScheduler", 10, 1.0, 0.0, False),
    ("DDIMScheduler", 10, 3.0, 0.0, False),
    ("DDIMScheduler", 10, 0.0, 0.0, False),
    ("EulerDiscreteScheduler", 10, 2.5, 0.0, False),
    ("DPMSolverMultistepScheduler", 10, 4.0, 0.0, False),
    ("DDPMScheduler", 12, 2.0, 0.0, False),
    ("DDPMScheduler", 12, 2.0, 0.0, True),
    ("DDIMScheduler", 10, 4.0, 0.7, False),
    ("DDPMScheduler", 12, 3.0, 1.0, True),
]


def tiny_unet(learned: bool) -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(sample_size=8, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=4,
                       down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                       up_block_types=("AttnUpBlock2D", "UpBlock2D"),
                       out_channels=6 if learned else 3, num_class_embeds=NULL + 1).eval()


@torch.no_grad()
def images(name: str, steps: int, scale: float, rescale: float, learned: bool, seed: int) -> numpy.ndarray:
    unet = tiny_unet(learned)
    base = DDPMScheduler(variance_type="learned_range" if learned else "fixed_small")
    scheduler = getattr(diffusers, name).from_config(base.config)
    generator = torch.Generator("cpu").manual_seed(seed)
    scheduler.set_timesteps(steps)
    takes_generator = "generator" in scheduler.step.__code__.co_varnames
    options = {"generator": generator} if takes_generator else {}
    classes = torch.tensor(CLASSES + [NULL] * len(CLASSES))
    sample = torch.randn((len(CLASSES), 3, 8, 8), generator=generator) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(torch.cat([sample, sample]), t)
        output = unet(seen, t, class_labels=classes).sample
        cond, uncond = output[:, :3].chunk(2)
        guided = uncond + scale * (cond - uncond)
        if rescale > 0:
            guided = rescale_noise_cfg(guided, cond, guidance_rescale=rescale)
        if learned:
            guided = torch.cat([guided, output[:len(CLASSES), 3:]], dim=1)
        sample = scheduler.step(guided, t, sample, **options).prev_sample
    return (sample / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def main() -> None:
    rows = []
    for name, steps, scale, rescale, learned in ROWS:
        for seed in (0, 1234):
            levels = (images(name, steps, scale, rescale, learned, seed) * 255).round().astype(numpy.uint8)
            rows.append(json.dumps({"scheduler": name, "steps": steps, "guidance_scale": scale, "guidance_rescale": rescale,
                                    "learned": learned, "seed": seed, "classes": CLASSES,
                                    "pixels": base64.b64encode(levels.tobytes()).decode()}))
    print("[\n" + ",\n".join(rows) + "\n]")


if __name__ == "__main__":
    main()
