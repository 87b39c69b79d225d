"""Tiny pipelines of Stable Diffusion and Stable Diffusion XL with random weights, and the pictures that they draw from
noise, from images, and from images with a mask, at a seed, for several schedulers.

    pip install transformers==5.24.0
    python make_stable_diffusion_starts.py test/fixtures/stable_diffusion

It builds on pipeline/ (make_stable_diffusion_pipeline.py). pipeline_inpaint/ and pipeline_xl/ hold only what differs
from it: copied over it, they are whole. pipeline_ldm/ is an LDMPipeline. starts.json has the images to start from, and a row for each call: pipeline and
scheduler by class, the arguments (images by number), and the pixels [count, height, width, 3] as bytes in base64.
"""

import base64
import json
import pathlib
import shutil
import sys
import tempfile

import diffusers
import numpy
import torch
from diffusers import (DDIMScheduler, EulerDiscreteScheduler, LDMPipeline, StableDiffusionPipeline,
                       StableDiffusionXLPipeline, UNet2DConditionModel, UNet2DModel, VQModel)
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

from make_stable_diffusion_models import LEVELS, UNET, UNETS, liven

SIDE = 32
# Folders that lie between pipeline/ and one that builds on them.
BASES = {name: ("pipeline_xl",) for name in ("pipeline_refiner", "pipeline_xl_inpaint", "pipeline_xl_lcm")}
PROMPTS = ["a photo of a cat", "an oil painting of the castle, highly detailed"]
NEGATIVES = ["dog", ""]
FIVE = ["DDIMScheduler", "PNDMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler",
        "UniPCMultistepScheduler"]
NOISY = "EulerAncestralDiscreteScheduler"
IMAGE = dict(image=0)
MASK = dict(image=0, mask_image=2, height=SIDE, width=SIDE)
SIZE = dict(height=SIDE, width=SIDE)
NEGATIVE_SIZES = dict(negative_original_size=[16, 20], negative_target_size=[8, 12])
# Folder, pipeline, schedulers, and arguments of the call.
CALLS = [
    ("pipeline", "StableDiffusionImg2ImgPipeline", FIVE + [NOISY, "HeunDiscreteScheduler", "DDPMScheduler"], IMAGE),
    ("pipeline", "StableDiffusionImg2ImgPipeline", FIVE[:3], IMAGE | dict(strength=0.5, guidance_scale=3.0)),
    ("pipeline", "StableDiffusionImg2ImgPipeline", FIVE[2:3], dict(image=[0, 1], strength=1.0)),
    ("pipeline", "StableDiffusionInpaintPipeline", FIVE + [NOISY], MASK),
    ("pipeline", "StableDiffusionInpaintPipeline", FIVE + [NOISY], MASK | dict(strength=0.6, negative_prompt=NEGATIVES)),
    ("pipeline_inpaint", "StableDiffusionInpaintPipeline", FIVE + [NOISY], MASK),
    ("pipeline_inpaint", "StableDiffusionInpaintPipeline", FIVE[:1] + [NOISY],
     MASK | dict(image=[0, 1], mask_image=[2, 3], strength=0.6)),
    ("pipeline_xl", "StableDiffusionXLPipeline", FIVE + [NOISY], SIZE),
    ("pipeline_xl", "StableDiffusionXLPipeline", FIVE[:1], SIZE | dict(
        prompt_2=["the dog", "a cat"], negative_prompt=NEGATIVES, negative_prompt_2=["", "a castle"], clip_skip=1,
        guidance_scale=7.0, guidance_rescale=0.7, original_size=[40, 24], crops_coords_top_left=[3, 5],
        target_size=[64, 48])),
    # One prompt only: of several, diffusers gives sizes to the wrong ones.
    ("pipeline_xl", "StableDiffusionXLPipeline", FIVE[:1], SIZE | NEGATIVE_SIZES | dict(
        prompt=PROMPTS[:1], negative_crops_coords_top_left=[1, 2])),
    ("pipeline_xl", "StableDiffusionXLPipeline", FIVE[:1], dict(height=24, width=40, guidance_scale=1.0)),
    ("pipeline_xl", "StableDiffusionXLImg2ImgPipeline", FIVE + [NOISY], IMAGE | dict(num_inference_steps=10)),
    ("pipeline_xl", "StableDiffusionXLImg2ImgPipeline", FIVE[:1],
     IMAGE | NEGATIVE_SIZES | dict(strength=0.7, crops_coords_top_left=[3, 5])),
    ("pipeline_xl", "StableDiffusionXLInpaintPipeline", FIVE + [NOISY], MASK),
    # It asks Euler for the size of the noise before it sets the timesteps, so that it is another schedule's.
    ("pipeline_ldm", "LDMPipeline", [name for name in FIVE if "Euler" not in name], dict(batch_size=2)),
]


def inpaint_unet() -> UNet2DConditionModel:
    torch.manual_seed(1)
    unet = UNet2DConditionModel(**UNET | dict(attention_head_dim=2, in_channels=9)).eval()
    liven(unet)
    return unet


def xl_parts(tokenizer: CLIPTokenizer) -> dict:
    torch.manual_seed(2)
    text = CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=16, intermediate_size=24, num_hidden_layers=4,
                          num_attention_heads=2, projection_dim=10, hidden_act="gelu",
                          bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=0)
    text_encoder_2 = CLIPTextModelWithProjection(text).eval()
    unet = UNet2DConditionModel(**UNET | UNETS["unet_sdxl"] | dict(cross_attention_dim=28)).eval()
    for model in (text_encoder_2, unet):
        liven(model)
    return dict(text_encoder_2=text_encoder_2, unet=unet)


def ldm_pipeline() -> diffusers.DiffusionPipeline:
    torch.manual_seed(3)
    small = dict(block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4)
    unet = UNet2DModel(**small, sample_size=16, in_channels=3, out_channels=3, attention_head_dim=4,
                       down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                       up_block_types=("AttnUpBlock2D", "UpBlock2D")).eval()
    vqvae = VQModel(**LEVELS | dict(latent_channels=3, num_vq_embeddings=20, block_out_channels=(4, 8))).eval()
    for model in (unet, vqvae):
        liven(model)
    # The table's vectors begin very near to 0.
    vqvae.quantize.embedding.weight.data *= 20
    scheduler = DDIMScheduler(beta_start=0.0015, beta_end=0.0195, beta_schedule="scaled_linear", clip_sample=False)
    scheduler.register_to_config(skip_prk_steps=True)
    return LDMPipeline(vqvae=vqvae, unet=unet, scheduler=scheduler)


def saved(pipeline: diffusers.DiffusionPipeline, folder: pathlib.Path, *bases: pathlib.Path) -> None:
    """Leaves out the files that the folders of the bases have too."""
    shutil.rmtree(folder, ignore_errors=True)
    pipeline.save_pretrained(folder)
    for path in folder.rglob("*.json"):
        # Where it was read from.
        config = json.loads(path.read_text())
        if config.pop("_name_or_path", None) is not None:
            path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    for path in sorted(folder.rglob("*"), reverse=True):
        known = [base / path.relative_to(folder) for base in bases]
        if path.is_file() and any(same.is_file() and same.read_bytes() == path.read_bytes() for same in known):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def start_images() -> list[Image.Image]:
    """Two images, and two masks whose edges are at no multiple of the autoencoder's factor."""
    y, x = numpy.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    first = numpy.stack([x, y, 0.5 + 0.5 * numpy.sin(9 * x * y)], -1)
    second = numpy.stack([(x - 0.5) ** 2 * 4, 1 - x * y, 0.3 + 0 * x], -1)
    masks = [(x - 0.4) ** 2 + (y - 0.55) ** 2 < 0.1, (x > 0.37) & (y < 0.71)]
    levels = [(values * 255).round().astype(numpy.uint8) for values in (first, second, *masks)]
    return [Image.fromarray(image) for image in levels]


def loaded(folder: pathlib.Path, name: str, kind: str) -> diffusers.DiffusionPipeline:
    """The pipeline of a folder, which holds only what differs from others."""
    with tempfile.TemporaryDirectory() as whole:
        for part in ("pipeline", *BASES.get(name, ()), name):
            shutil.copytree(folder / part, whole, dirs_exist_ok=True)
        pipeline = getattr(diffusers, kind).from_pretrained(whole)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def arguments(told: dict) -> dict:
    """The arguments of a call: images by number become images, pairs tuples."""
    images = start_images()
    chosen = lambda given: [images[k] for k in given] if isinstance(given, list) else images[given]
    return {key: chosen(value) if key in ("image", "mask_image") else
            tuple(value) if key.endswith(("_size", "top_left")) and isinstance(value, list) else value
            for key, value in told.items()}


def drawn(folder: pathlib.Path, calls: list[tuple]) -> list[dict]:
    """A row for each call and scheduler."""
    rows = []
    for name, kind, schedulers, options in calls:
        pipeline = loaded(folder, name, kind)
        own = pipeline.scheduler.config
        for scheduler in schedulers:
            pipeline.scheduler = getattr(diffusers, scheduler).from_config(own)
            prompts = {} if kind == "LDMPipeline" else dict(prompt=PROMPTS)
            told = prompts | dict(num_inference_steps=6) | options
            told = {key: value for key, value in told.items() if value is not None}
            generator = torch.Generator("cpu").manual_seed(7)
            pixels = (pipeline(**arguments(told), generator=generator, output_type="np").images * 255).round()
            pixels = pixels.astype(numpy.uint8)
            rows.append({"folder": name, "pipeline": kind, "scheduler": scheduler, "seed": 7, "options": told,
                         "shape": list(pixels.shape), "pixels": base64.b64encode(pixels.tobytes()).decode()})
    return rows


def main(folder: pathlib.Path) -> None:
    base = StableDiffusionPipeline.from_pretrained(folder / "pipeline")
    saved(diffusers.StableDiffusionInpaintPipeline(**base.components | dict(unet=inpaint_unet()),
                                                   requires_safety_checker=False),
          folder / "pipeline_inpaint", folder / "pipeline")
    shared = {name: base.components[name] for name in ("vae", "text_encoder", "tokenizer")}
    tokenizer_2 = CLIPTokenizer.from_pretrained(folder / "tokenizer" / "whole", pad_token="!")
    # As published: skip_prk_steps is for other schedulers.
    scheduler = EulerDiscreteScheduler.from_config(dict(beta_start=0.00085, beta_end=0.012, steps_offset=1,
                                                        beta_schedule="scaled_linear", timestep_spacing="leading",
                                                        skip_prk_steps=True))
    saved(StableDiffusionXLPipeline(**shared, tokenizer_2=tokenizer_2, scheduler=scheduler, **xl_parts(tokenizer_2),
                                    add_watermarker=False),
          folder / "pipeline_xl", folder / "pipeline")

    saved(ldm_pipeline(), folder / "pipeline_ldm", folder / "pipeline")

    images = start_images()
    given = [{"width": SIDE, "height": SIDE, "channels": len(image.getbands()),
              "data": base64.b64encode(image.tobytes()).decode()} for image in images]
    lines = ",\n".join(json.dumps(row) for row in drawn(folder, CALLS))
    (folder / "starts.json").write_text(f'{{"images": {json.dumps(given)},\n"rows": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
