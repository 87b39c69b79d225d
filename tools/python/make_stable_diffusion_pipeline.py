"""A tiny StableDiffusionPipeline with random weights, and the pictures that it draws at a seed, for several schedulers.

    pip install transformers==5.24.0
    python make_stable_diffusion_pipeline.py test/fixtures/stable_diffusion

The pipeline is saved in pipeline/, with the vocabulary of tokenizer/whole. pictures.json has a row for each call: the
scheduler's class, the arguments, and the pixels [count, height, width, 3] as bytes in base64.
"""

import base64
import json
import pathlib
import sys

import diffusers
import numpy
import torch
from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from make_stable_diffusion_models import LEVELS, UNET, liven

PROMPTS = ["a photo of a cat", "an oil painting of the castle, highly detailed"]
NEGATIVES = ["dog", ""]
LONG = "a highly detailed oil painting of a cat in style of van gogh, " * 8
# Scheduler, and arguments of the call.
ROWS = [
    ("DDIMScheduler", {}),
    ("PNDMScheduler", {}),
    ("EulerDiscreteScheduler", {}),
    ("DPMSolverMultistepScheduler", {}),
    ("UniPCMultistepScheduler", {}),
    ("EulerAncestralDiscreteScheduler", {}),
    ("DDIMScheduler", dict(negative_prompt=NEGATIVES)),
    ("DDIMScheduler", dict(negative_prompt=NEGATIVES, clip_skip=1, guidance_scale=4.5, guidance_rescale=0.7)),
    ("DDIMScheduler", dict(guidance_scale=1.0, height=24, width=40)),
    ("DDIMScheduler", dict(prompt=[LONG], guidance_scale=3.0)),
]


def tiny_pipeline(tokenizer: CLIPTokenizer) -> StableDiffusionPipeline:
    torch.manual_seed(0)
    text = CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=12, intermediate_size=20, num_hidden_layers=3,
                          num_attention_heads=2, projection_dim=8, bos_token_id=tokenizer.bos_token_id,
                          eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    text_encoder = CLIPTextModel(text).eval()
    unet = UNet2DConditionModel(**UNET | dict(attention_head_dim=2)).eval()
    vae = AutoencoderKL(**LEVELS | dict(latent_channels=4, sample_size=16)).eval()
    for model in (text_encoder, unet, vae):
        liven(model)
    scheduler = PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", skip_prk_steps=True,
                              set_alpha_to_one=False, steps_offset=1)
    return StableDiffusionPipeline(vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet,
                                   scheduler=scheduler, safety_checker=None, feature_extractor=None,
                                   requires_safety_checker=False)


def main(folder: pathlib.Path) -> None:
    pipeline = tiny_pipeline(CLIPTokenizer.from_pretrained(folder / "tokenizer" / "whole"))
    pipeline.save_pretrained(folder / "pipeline")
    # What a file says is given to other schedulers, what a class has as its default is not.
    pipeline = StableDiffusionPipeline.from_pretrained(folder / "pipeline")
    pipeline.set_progress_bar_config(disable=True)
    # clip_skip looks for the final norm where transformers 4 had it.
    object.__setattr__(pipeline.text_encoder, "text_model", pipeline.text_encoder)
    own = pipeline.scheduler.config
    rows = []
    for name, options in ROWS:
        pipeline.scheduler = getattr(diffusers, name).from_config(own)
        call = dict(prompt=PROMPTS, num_inference_steps=6, height=32, width=32) | options
        generator = torch.Generator("cpu").manual_seed(7)
        images = pipeline(**call, generator=generator, output_type="np").images
        pixels = (images * 255).round().astype(numpy.uint8)
        rows.append(json.dumps({"scheduler": name, "seed": 7, "options": call, "shape": list(pixels.shape),
                                "pixels": base64.b64encode(pixels.tobytes()).decode()}))
    (folder / "pictures.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
