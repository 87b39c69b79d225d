"""The tensors of single files of Stable Diffusion, in the original layout: hashes of names, shapes and values.

    pip install transformers==5.24.0
    python single_file_layouts.py test/fixtures/stable_diffusion

Writes single_files.json there. "published" has, for models of stable_diffusion_keys.py, how many tensors a file has and a
hash of the lines "NAME SHAPE". "values" has, for the tiny models of this folder, a hash of names, shapes and values. Every
tensor is brought back by the functions with which diffusers reads such files, and must be the model's own again. "pictures"
has rows like those of starts.json of whole files of the tiny pipelines, read by diffusers' from_single_file, and hashes of
the files' tensors.
"""

import base64

import hashlib
import json
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterable

import diffusers
import numpy
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from make_stable_diffusion_starts import IMAGE, PROMPTS, SIZE, arguments, loaded
from stable_diffusion_keys import MODELS

Weights = dict[str, torch.Tensor]
RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
          "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
FIRST = {"time_embedding.linear_": "time_embed.", "add_embedding.linear_": "label_emb.0."}
AROUND = {"class_embedding": "label_emb", "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2"}


def unet_name(key: str, depth: int, cross_up: list[bool]) -> str:
    for start, there in FIRST.items():
        if key.startswith(start):
            number, rest = key[len(start):].split(".", 1)
            return f"{there}{2 * (int(number) - 1)}.{rest}"
    for start, there in AROUND.items():
        if key.startswith(start + "."):
            return there + key[len(start):]
    parts = key.split(".")
    if parts[0] == "mid_block":
        block = 1 if parts[1] == "attentions" else 2 * int(parts[2])
        place, rest = f"middle_block.{block}", parts[3:]
    else:
        level, layer, rest = int(parts[1]), int(parts[3]), parts[4:]
        first = level * (depth + 1)
        if parts[2] == "downsamplers":
            return f"input_blocks.{1 + first + depth}.0.op.{rest[-1]}"
        if parts[2] == "upsamplers":
            return f"output_blocks.{first + depth}.{2 if cross_up[level] else 1}.{'.'.join(rest)}"
        blocks = f"input_blocks.{1 + first + layer}" if parts[0] == "down_blocks" else f"output_blocks.{first + layer}"
        place = f"{blocks}.{0 if parts[2] == 'resnets' else 1}"
    return ".".join([place, RESNET.get(rest[0], rest[0]) if "attentions" not in key else rest[0], *rest[1:]])


def vae_name(key: str, levels: int) -> str:
    up = r"decoder\.up_blocks\.(\d+)\.(resnets\.|upsamplers\.0\.)"
    key = re.sub(up, lambda m: f"decoder.up.{levels - 1 - int(m[1])}.{'block.' if m[2][0] == 'r' else 'upsample.'}", key)
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", key)
    for here, there in [("down_blocks", "down"), ("resnets", "block"), ("downsamplers.0", "downsample"),
                        ("mid_block.attentions.0", "mid.attn_1"), ("conv_norm_out", "norm_out"),
                        ("conv_shortcut", "nin_shortcut"), ("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"),
                        ("to_v", "v"), ("to_out.0", "proj_out")]:
        key = key.replace(here, there)
    return key


def original_unet(weights: Weights, config: dict) -> Weights:
    cross_up = [kind.startswith("Cross") for kind in config["up_block_types"]]
    out = {"model.diffusion_model." + unet_name(key, config["layers_per_block"], cross_up): value
           for key, value in weights.items()}
    check(convert_ldm_unet_checkpoint(dict(out), config), weights)
    return out


def original_vae(weights: Weights, config: dict) -> Weights:
    out = {}
    for key, value in weights.items():
        name = vae_name(key, len(config["block_out_channels"]))
        out["first_stage_model." + name] = value[:, :, None, None] if ".attn_1." in name and value.ndim == 2 else value
    check(convert_ldm_vae_checkpoint(dict(out), config), weights)
    return out


def original_clip(weights: Weights) -> Weights:
    out = {"cond_stage_model.transformer." + key: value for key, value in weights.items()}
    check(convert_ldm_clip_checkpoint(dict(out)), weights)
    return out


def original_open_clip(weights: Weights, model: torch.nn.Module, prefix: str) -> Weights:
    out = {}
    for key, value in weights.items():
        if "_proj." in key and "out_proj" not in key:
            stem, kind = key.rsplit(".", 2)[0], key.rsplit(".", 1)[1]
            joined = torch.cat([weights[f"{stem}.{letter}_proj.{kind}"] for letter in "qkv"])
            name = stem.replace("text_model.encoder.layers", "transformer.resblocks").replace("self_attn", "attn")
            out[f"{prefix}{name}.in_proj_{kind}"] = joined
        elif key == "text_projection.weight":
            out[prefix + "text_projection"] = value.T.contiguous()
        else:
            name = key.replace("text_model.", "").replace("encoder.layers", "transformer.resblocks")
            for here, there in [("embeddings.position_embedding.weight", "positional_embedding"),
                                ("embeddings.token_embedding", "token_embedding"), ("final_layer_norm", "ln_final"),
                                ("layer_norm", "ln_"), ("fc1", "c_fc"), ("fc2", "c_proj"), ("self_attn", "attn")]:
                name = name.replace(here, there)
            out[prefix + name] = value
    check(convert_open_clip_checkpoint(model, dict(out), prefix), weights)
    return out


def check(back: Weights, weights: Weights) -> None:
    assert back.keys() == weights.keys(), back.keys() ^ weights.keys()
    for key, value in weights.items():
        assert back[key].shape == value.shape, key
        assert value.device.type == "meta" or torch.equal(back[key], value), key


def original(model: torch.nn.Module, layout: str, prefixed: bool, prefix: str = "conditioner.embedders.1.model.") -> Weights:
    weights = {("text_model." if prefixed else "") + key: value for key, value in model.state_dict().items()}
    if isinstance(model, UNet2DConditionModel):
        return original_unet(weights, dict(model.config))
    if isinstance(model, AutoencoderKL):
        return original_vae(weights, dict(model.config))
    return original_clip(weights) if layout == "clip" else original_open_clip(weights, model, prefix)


def digest(lines: Iterable[bytes]) -> str:
    return hashlib.sha256(b"".join(sorted(lines))).hexdigest()


def line(name: str, value: torch.Tensor) -> bytes:
    return f"{name} {','.join(map(str, value.shape))}\n".encode()


LAYOUTS = {"text model of Stable Diffusion 1.5": "clip", "text model of Stable Diffusion 2.1": "openclip",
           "second text model of Stable Diffusion XL": "openclip"}
PUBLISHED = ["Stable Diffusion 1.5", "Stable Diffusion 2.1", "Stable Diffusion XL base", "Stable Diffusion XL refiner",
             "autoencoder of Stable Diffusion", *LAYOUTS]
TINY = [("unet_sd1", UNet2DConditionModel, ""), ("unet_sd2", UNet2DConditionModel, ""),
        ("unet_sdxl", UNet2DConditionModel, ""), ("vae", AutoencoderKL, ""), ("clip_text_quick_gelu", CLIPTextModel, "clip"),
        ("clip_text_quick_gelu", CLIPTextModel, "openclip"), ("clip_text_projection", CLIPTextModelWithProjection, "openclip")]


# Folder, pipeline, the places of its text encoders, and arguments of the call.
PICTURES = [
    ("pipeline_xl", "StableDiffusionXLPipeline",
     {"text_encoder": "conditioner.embedders.0.transformer.", "text_encoder_2": "conditioner.embedders.1.model."}, SIZE),
    ("pipeline_refiner", "StableDiffusionXLImg2ImgPipeline", {"text_encoder_2": "conditioner.embedders.0.model."}, IMAGE),
]


def picture(folder: pathlib.Path, name: str, kind: str, places: dict[str, str], options: dict) -> dict:
    whole = loaded(folder, name, kind)
    tensors = original(whole.unet, "", False) | original(whole.vae, "", False)
    if "text_encoder" in places:
        tensors |= {places["text_encoder"] + "text_model." + key: value
                    for key, value in whole.text_encoder.state_dict().items()}
    tensors |= original(whole.text_encoder_2, "openclip", False, places["text_encoder_2"])
    tensors = {key: value.contiguous() for key, value in tensors.items()}
    told = dict(prompt=PROMPTS, num_inference_steps=6) | options
    with tempfile.TemporaryDirectory() as there:
        file = f"{there}/whole.safetensors"
        save_file(tensors, file)
        whole.save_pretrained(f"{there}/config")
        pipeline = getattr(diffusers, kind).from_single_file(file, config=f"{there}/config", local_files_only=True)
        pipeline.scheduler = whole.scheduler
    pipeline.set_progress_bar_config(disable=True)
    images = pipeline(**arguments(told), generator=torch.Generator("cpu").manual_seed(7), output_type="np").images
    pixels = (images * 255).round().astype(numpy.uint8)
    return {"folder": name, "pipeline": kind, "scheduler": type(whole.scheduler).__name__, "seed": 7, "options": told,
            "sha256": digest(line(key, value) + value.numpy().tobytes() for key, value in tensors.items()),
            "shape": list(pixels.shape), "pixels": base64.b64encode(pixels.tobytes()).decode()}


def main(folder: pathlib.Path) -> None:
    published = {}
    for name in PUBLISHED:
        Model, options = MODELS[name]
        with torch.device("meta"):
            model = Model(CLIPTextConfig(**options)) if "CLIP" in Model.__name__ else Model(**options)
        tensors = original(model, LAYOUTS.get(name, ""), Model is CLIPTextModel)
        published[name] = {"layout": LAYOUTS.get(name, ""), "tensors": len(tensors),
                           "sha256": digest(line(*item) for item in tensors.items())}
    values = []
    for file, Model, layout in TINY:
        config = json.loads((folder / f"{file}.config.json").read_text())
        model = Model(CLIPTextConfig(**config)) if "CLIP" in Model.__name__ else Model.from_config(config)
        start = "param.text_model." if Model is CLIPTextModel else "param."
        tensors = load_file(folder / f"{file}.safetensors")
        model.load_state_dict({key.removeprefix(start): value for key, value in tensors.items() if key.startswith(start)})
        tensors = original(model, layout, Model is CLIPTextModel)
        values.append({"file": file, "class": Model.__name__, "layout": layout, "sha256": digest(
            line(name, value) + value.contiguous().numpy().tobytes() for name, value in tensors.items())})
    pictures = [picture(folder, *row) for row in PICTURES]
    written = {"published": published, "values": values, "pictures": pictures}
    (folder / "single_files.json").write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
