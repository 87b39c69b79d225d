"""Tiny diffusion transformers with random weights: outputs and gradients of models, and a pipeline with the pictures that
it draws of classes at a seed, for several schedulers.

    python make_dit.py test/fixtures/dit

Models are saved as in make_stable_diffusion_models.py. pipeline/ has the form of the published folders, whose config
names an older class and whose index names the classes. pictures.json has a row for each call: scheduler by class, the
arguments, and the pixels [count, height, width, 3] as bytes in base64.
"""

import base64
import json
import pathlib
import shutil
import sys

import diffusers
import numpy
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel

from make_stable_diffusion_models import LEVELS, liven, save

DIT = dict(num_attention_heads=2, attention_head_dim=6, num_layers=2, sample_size=8, num_embeds_ada_norm=7)
# The config, and the side of the latents that the model gets.
MODELS = {
    "dit": (dict(out_channels=8), 8),
    "dit_interpolated": (dict(num_attention_heads=3, attention_head_dim=4, in_channels=3, attention_bias=False,
                              activation_fn="geglu", norm_elementwise_affine=True, norm_eps=1e-3), 12),
    "dit_gelu": (dict(num_layers=1, num_attention_heads=1, attention_head_dim=8, sample_size=4, patch_size=1,
                      activation_fn="gelu"), 4),
}
# What a config of the published folders has besides.
PUBLISHED = dict(_class_name="Transformer2DModel", cross_attention_dim=None, num_vector_embeds=None,
                 only_cross_attention=False, use_linear_projection=False)
ID2LABEL = {"0": "tench, Tinca tinca", "1": "goldfish, Carassius auratus", "207": "golden retriever",
            "657": "missile", "744": "projectile, missile"}
# Schedulers over sigmas are left out: the pipeline gives them noise that is too weak, and steps from scaled inputs.
FIVE = ["DDIMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler", "DDPMScheduler"]
CLASSES = [207, 1, 744]
CALLS = [
    (FIVE, dict(class_labels=CLASSES)),
    (FIVE[1:2], dict(class_labels=CLASSES, guidance_scale=2.5)),
    (["DDIMScheduler", "DDPMScheduler"], dict(class_labels=CLASSES[:2], guidance_scale=1.0)),
    (["DDIMScheduler"], dict(class_labels=CLASSES[:1], guidance_scale=0.5)),
]


def models(folder: pathlib.Path) -> None:
    for name, (options, side) in MODELS.items():
        torch.manual_seed(0)
        # In training classes are left out at random.
        model = DiTTransformer2DModel(**DIT | options).eval()
        for block in model.transformer_blocks:
            for parameter in block.norm3.parameters():
                parameter.data += 0.3 * torch.randn_like(parameter)
        inputs = {
            "sample": torch.randn(3, model.config.in_channels, side, side).requires_grad_(),
            "timestep": torch.tensor([3, 871, 40]),
            "classLabels": torch.tensor([6, 2, 7]),
        }
        output = model(inputs["sample"], inputs["timestep"], inputs["classLabels"]).sample
        save(folder, name, json.loads(model.to_json_string()), model, inputs, {"sample": output})


def changed(path: pathlib.Path, change: dict) -> None:
    config = json.loads(path.read_text()) | change
    config.pop("_name_or_path", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def pipeline(folder: pathlib.Path) -> None:
    torch.manual_seed(1)
    # The pipeline's class without a class is 1000.
    transformer = DiTTransformer2DModel(**DIT | dict(attention_head_dim=8, out_channels=8, num_embeds_ada_norm=1000))
    vae = AutoencoderKL(**LEVELS | dict(block_out_channels=(4, 8), latent_channels=4))
    # So that guidance and the classes matter.
    transformer.proj_out_2.weight.data *= 2
    liven(vae)
    shutil.rmtree(folder, ignore_errors=True)
    DiTPipeline(transformer.eval(), vae.eval(), DDIMScheduler(clip_sample=False)).save_pretrained(folder)
    changed(folder / "model_index.json", dict(transformer=["diffusers", "Transformer2DModel"], id2label=ID2LABEL))
    changed(folder / "transformer" / "config.json", PUBLISHED)
    changed(folder / "vae" / "config.json", {})


def pictures(folder: pathlib.Path) -> list[dict]:
    loaded = DiTPipeline.from_pretrained(folder)
    loaded.set_progress_bar_config(disable=True)
    own = loaded.scheduler.config
    rows = []
    for schedulers, options in CALLS:
        for scheduler in schedulers:
            loaded.scheduler = getattr(diffusers, scheduler).from_config(own)
            call = dict(num_inference_steps=6) | options
            # Steps draw from this generator too, for want of another.
            generator = torch.manual_seed(7)
            drawn = loaded(**call, generator=generator, output_type="np").images
            pixels = (drawn * 255).round().astype(numpy.uint8)
            rows.append({"scheduler": scheduler, "seed": 7, "options": call, "shape": list(pixels.shape),
                         "pixels": base64.b64encode(pixels.tobytes()).decode()})
    return rows


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    models(out)
    pipeline(out / "pipeline")
    rows = ",\n".join(json.dumps(row) for row in pictures(out / "pipeline"))
    (out / "pictures.json").write_text(f"[\n{rows}\n]\n")
