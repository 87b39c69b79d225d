"""Tiny latent consistency models, whose UNets see the guidance scale, of Stable Diffusion 1 and XL, a tiny refiner of XL,
and an XL model that is trained for inpainting, with random weights, and the pictures that they draw at a seed.

    pip install transformers==5.24.0
    python make_stable_diffusion_variants.py test/fixtures/stable_diffusion

It builds on the folders of make_stable_diffusion_starts.py, and variants.json has rows like those of starts.json, whose
images they start from.
"""

import json
import pathlib
import sys

import torch
from diffusers import (EulerDiscreteScheduler, LCMScheduler, StableDiffusionPipeline, StableDiffusionXLImg2ImgPipeline,
                       StableDiffusionXLInpaintPipeline, StableDiffusionXLPipeline, UNet2DConditionModel)
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from make_stable_diffusion_models import UNET, UNETS, liven
from make_stable_diffusion_starts import IMAGE, MASK, NEGATIVES, NOISY, PROMPTS, SIZE, drawn, saved

FEW = dict(num_inference_steps=4)
CALLS = [
    ("pipeline_lcm", "StableDiffusionPipeline", ["LCMScheduler", "DDIMScheduler"], SIZE | FEW),
    ("pipeline_lcm", "StableDiffusionPipeline", ["LCMScheduler"], SIZE | FEW | dict(guidance_scale=1.0)),
    ("pipeline_lcm", "StableDiffusionPipeline", ["LCMScheduler"], FEW | dict(guidance_scale=11.5, height=24, width=40,
                                                                             prompt=PROMPTS[:1])),
    ("pipeline_lcm", "StableDiffusionImg2ImgPipeline", ["LCMScheduler"], IMAGE | FEW | dict(guidance_scale=8.5)),
    ("pipeline_lcm", "StableDiffusionInpaintPipeline", ["LCMScheduler"], MASK | FEW),
    ("pipeline_refiner", "StableDiffusionXLImg2ImgPipeline", ["EulerDiscreteScheduler", "DDIMScheduler"],
     IMAGE | dict(num_inference_steps=10)),
    ("pipeline_refiner", "StableDiffusionXLImg2ImgPipeline", ["DDIMScheduler"], IMAGE | dict(
        strength=0.7, negative_prompt=NEGATIVES, aesthetic_score=7.5, negative_aesthetic_score=1.25,
        original_size=[40, 24], crops_coords_top_left=[3, 5], negative_original_size=[16, 20],
        negative_crops_coords_top_left=[1, 2])),
    ("pipeline_refiner", "StableDiffusionXLImg2ImgPipeline", ["DDIMScheduler"], IMAGE | dict(
        strength=0.7, guidance_scale=7.0, crops_coords_top_left=[3, 5])),
    ("pipeline_refiner", "StableDiffusionXLInpaintPipeline", ["DDIMScheduler"], MASK),
    # Steps and guidance are the class's.
    ("pipeline_lcm", "LatentConsistencyModelPipeline", ["LCMScheduler"], SIZE | dict(num_inference_steps=None)),
    ("pipeline_xl_lcm", "StableDiffusionXLPipeline", ["LCMScheduler"], SIZE | FEW),
    ("pipeline_xl_lcm", "StableDiffusionXLImg2ImgPipeline", ["LCMScheduler"], IMAGE | FEW | dict(strength=0.6)),
    ("pipeline_xl_lcm", "StableDiffusionXLInpaintPipeline", ["LCMScheduler"], MASK | FEW),
    ("pipeline_xl_inpaint", "StableDiffusionXLInpaintPipeline", ["DDIMScheduler", NOISY], MASK),
    ("pipeline_xl_inpaint", "StableDiffusionXLInpaintPipeline", ["EulerDiscreteScheduler"],
     MASK | dict(image=[0, 1], mask_image=[2, 3], strength=0.6)),
    ("pipeline_xl_inpaint", "StableDiffusionXLInpaintPipeline", ["DDIMScheduler"], MASK | dict(strength=1.0)),
]


def xl_unet(seed: int, **options: int) -> UNet2DConditionModel:
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(**UNET | UNETS["unet_sdxl"] | dict(cross_attention_dim=28) | options).eval()
    liven(unet)
    return unet


def shared_xl(base: StableDiffusionPipeline, xl: pathlib.Path) -> dict:
    return dict(vae=base.vae, text_encoder=base.text_encoder, tokenizer=base.tokenizer,
                text_encoder_2=CLIPTextModelWithProjection.from_pretrained(xl / "text_encoder_2"),
                tokenizer_2=CLIPTokenizer.from_pretrained(xl / "tokenizer_2"))


def main(folder: pathlib.Path) -> None:
    base = StableDiffusionPipeline.from_pretrained(folder / "pipeline")
    torch.manual_seed(5)
    unet = UNet2DConditionModel(**UNET | dict(attention_head_dim=2, time_cond_proj_dim=7)).eval()
    liven(unet)
    # It begins near to 0.
    unet.time_embedding.cond_proj.weight.data *= 3
    scheduler = LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    saved(StableDiffusionPipeline(**base.components | dict(unet=unet, scheduler=scheduler),
                                  requires_safety_checker=False), folder / "pipeline_lcm", folder / "pipeline")

    torch.manual_seed(6)
    refiner = UNet2DConditionModel(**UNET | UNETS["unet_sdxl"] | dict(
        cross_attention_dim=16, projection_class_embeddings_input_dim=30, transformer_layers_per_block=1)).eval()
    liven(refiner)
    xl = folder / "pipeline_xl"
    saved(StableDiffusionXLImg2ImgPipeline(
        vae=base.vae, text_encoder=None, tokenizer=None, unet=refiner, requires_aesthetics_score=True,
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(xl / "text_encoder_2"),
        tokenizer_2=CLIPTokenizer.from_pretrained(xl / "tokenizer_2"),
        scheduler=EulerDiscreteScheduler.from_pretrained(xl / "scheduler"),
        force_zeros_for_empty_prompt=False, add_watermarker=False),
        folder / "pipeline_refiner", folder / "pipeline", xl)

    whole = StableDiffusionXLPipeline(**shared_xl(base, xl), scheduler=scheduler, add_watermarker=False,
                                      unet=xl_unet(7, time_cond_proj_dim=7))
    whole.unet.time_embedding.cond_proj.weight.data *= 3
    saved(whole, folder / "pipeline_xl_lcm", folder / "pipeline", xl)
    saved(StableDiffusionXLInpaintPipeline(
        **shared_xl(base, xl), scheduler=EulerDiscreteScheduler.from_pretrained(xl / "scheduler"),
        unet=xl_unet(8, in_channels=9), add_watermarker=False),
        folder / "pipeline_xl_inpaint", folder / "pipeline", xl)

    lines = ",\n".join(json.dumps(row) for row in drawn(folder, CALLS))
    (folder / "variants.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
