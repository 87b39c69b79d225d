"""Trains a UNet with diffusers for a given time, by a recipe of Hugging Face's own pages, and saves its pipeline.

    python train_recipe.py --recipe course --images FOLDER --seconds 300 --threads 2 --out PIPELINE

course: the diffusion course, unit 1 (32 px, batch 64, AdamW 4e-4). tutorial: the training tutorial of diffusers (128 px,
batch 16, AdamW 1e-4 with 500 steps of warm-up and a cosine to the end, gradients cut to norm 1). Images are mirrored at
random. The length of the cosine is estimated from the first steps. Prints one line of JSON at the end.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.optimization import get_cosine_schedule_with_warmup
from PIL import Image

DOWN, ATTENTION = "DownBlock2D", "AttnDownBlock2D"
RECIPES = {
    "course": {
        "size": 32,
        "batch": 64,
        "rate": 4e-4,
        "warmup": None,
        "clip": None,
        "betas": "squaredcos_cap_v2",
        "channels": (64, 128, 128, 256),
        "down": (DOWN, DOWN, ATTENTION, ATTENTION),
    },
    "tutorial": {
        "size": 128,
        "batch": 16,
        "rate": 1e-4,
        "warmup": 500,
        "clip": 1.0,
        "betas": "linear",
        "channels": (128, 128, 256, 256, 512, 512),
        "down": (DOWN, DOWN, DOWN, DOWN, ATTENTION, DOWN),
    },
}
TIMED_STEPS = 3


def read(folder, size):
    images = []
    for file in sorted(folder.glob("*.png")):
        image = Image.open(file).convert("RGB").resize((size, size), Image.BILINEAR)
        images.append(np.asarray(image, dtype=np.float32) / 127.5 - 1)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    recipe = RECIPES[args.recipe]
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    images = read(args.images, recipe["size"])
    up = tuple(name.replace("Down", "Up") for name in reversed(recipe["down"]))
    unet = UNet2DModel(
        sample_size=recipe["size"],
        layers_per_block=2,
        block_out_channels=recipe["channels"],
        down_block_types=recipe["down"],
        up_block_types=up,
    )
    scheduler = DDPMScheduler(num_train_timesteps=1000, beta_schedule=recipe["betas"])
    optimizer = torch.optim.AdamW(unet.parameters(), lr=recipe["rate"])
    rates = None
    begun = time.perf_counter()
    step = 0
    while time.perf_counter() - begun < args.seconds:
        if step == TIMED_STEPS and recipe["warmup"] is not None:
            steps = int(args.seconds * TIMED_STEPS / (time.perf_counter() - begun))
            warmup = min(recipe["warmup"], steps // 10)
            rates = get_cosine_schedule_with_warmup(optimizer, warmup, steps)
        batch = images[torch.randint(len(images), (recipe["batch"],))]
        mirrored = torch.rand(len(batch)) < 0.5
        batch[mirrored] = batch[mirrored].flip(-1)
        noise = torch.randn_like(batch)
        timesteps = torch.randint(0, 1000, (len(batch),))
        noisy = scheduler.add_noise(batch, noise, timesteps)
        loss = torch.nn.functional.mse_loss(unet(noisy, timesteps, return_dict=False)[0], noise)
        loss.backward()
        if recipe["clip"] is not None:
            torch.nn.utils.clip_grad_norm_(unet.parameters(), recipe["clip"])
        optimizer.step()
        if rates is not None:
            rates.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
    seconds = time.perf_counter() - begun
    DDPMPipeline(unet, scheduler).save_pretrained(args.out)
    print(json.dumps({"recipe": args.recipe, "steps": step, "images": step * recipe["batch"], "seconds": seconds}))


if __name__ == "__main__":
    main()
