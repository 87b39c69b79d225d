"""Pictures that tiny models of Stable Diffusion XL draw together: one leaves its latents to the next, which goes on.

    pip install transformers==5.24.0
    python make_stable_diffusion_handovers.py test/fixtures/stable_diffusion

It builds on the folders of make_stable_diffusion_starts.py and make_stable_diffusion_variants.py, and writes
handovers.json: a row for each drawing, with scheduler and seed (of each call anew), its calls in "stages", each as in the
rows of starts.json (for image "latents" those of the stage before), and the pixels of the last one, as there.
"""

import base64
import json
import pathlib
import sys

import diffusers
import numpy
import torch

from make_stable_diffusion_starts import FIVE, IMAGE, MASK, NOISY, PROMPTS, SIZE, arguments, loaded

STEPS = dict(num_inference_steps=10)
BASE = ("pipeline_xl", "StableDiffusionXLPipeline", SIZE | STEPS | dict(denoising_end=0.8))
REFINER = ("pipeline_refiner", "StableDiffusionXLImg2ImgPipeline", STEPS | dict(image="latents", denoising_start=0.8))
NEAR = "StableDiffusionXLImg2ImgPipeline"
PART = "StableDiffusionXLInpaintPipeline"
MASKED = STEPS | MASK
# Schedulers, and what follows each other.
DRAWINGS = [
    (FIVE + [NOISY, "HeunDiscreteScheduler"], [BASE, REFINER]),
    # Of 7 steps no timestep is where the first model ends.
    (FIVE[2:3], [("pipeline_xl", "StableDiffusionXLPipeline", SIZE | dict(num_inference_steps=7, denoising_end=0.5)),
                 ("pipeline_refiner", NEAR, dict(num_inference_steps=7, image="latents", denoising_start=0.5,
                                                 denoising_end=0.8)),
                 ("pipeline_xl", NEAR, dict(num_inference_steps=7, image="latents", denoising_start=0.8))]),
    (FIVE[:1], [("pipeline_xl", NEAR, IMAGE | STEPS | dict(strength=0.7, denoising_end=0.6)),
                ("pipeline_refiner", NEAR, STEPS | dict(image="latents", denoising_start=0.6))]),
    (FIVE[:1] + [NOISY], [("pipeline_xl", PART, MASKED | dict(denoising_end=0.7)),
                          ("pipeline_refiner", PART, MASKED | dict(image="latents", denoising_start=0.7))]),
    # An image in place of latents, to which no noise is added.
    (FIVE[:1], [("pipeline_xl", NEAR, IMAGE | STEPS | dict(denoising_start=0.7))]),
    (FIVE[2:3], [("pipeline_xl", PART, MASKED | dict(denoising_start=0.7))]),
    # Latents in place of an image.
    (FIVE[2:3], [("pipeline_xl", "StableDiffusionXLPipeline", SIZE | STEPS),
                 ("pipeline_xl", NEAR, STEPS | dict(image="latents", strength=0.5))]),
    (FIVE[:1], [("pipeline", "StableDiffusionPipeline", SIZE | STEPS),
                ("pipeline", "StableDiffusionImg2ImgPipeline", STEPS | dict(image="latents", strength=0.5))]),
]


def drawn(folder: pathlib.Path, scheduler: str, stages: list[tuple]) -> dict:
    latents = None
    told = []
    for stage, (name, kind, options) in enumerate(stages):
        pipeline = loaded(folder, name, kind)
        pipeline.scheduler = getattr(diffusers, scheduler).from_config(pipeline.scheduler.config)
        options = dict(prompt=PROMPTS) | options
        given = arguments({key: value for key, value in options.items() if value != "latents"})
        if options.get("image") == "latents":
            given["image"] = latents
        last = stage == len(stages) - 1
        latents = pipeline(**given, generator=torch.Generator("cpu").manual_seed(7),
                           output_type="np" if last else "latent").images
        told.append({"folder": name, "pipeline": kind, "options": options})
    pixels = (latents * 255).round().astype(numpy.uint8)
    return {"scheduler": scheduler, "seed": 7, "stages": told, "shape": list(pixels.shape),
            "pixels": base64.b64encode(pixels.tobytes()).decode()}


def main(folder: pathlib.Path) -> None:
    rows = [drawn(folder, scheduler, stages) for schedulers, stages in DRAWINGS for scheduler in schedulers]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (folder / "handovers.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
