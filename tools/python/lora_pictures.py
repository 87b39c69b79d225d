"""LoRAs with random weights in every spelling, and the pictures that diffusers draws with them.

    pip install transformers==5.24.0 peft
    python lora_pictures.py test/fixtures/stable_diffusion

The pipeline is that of pipeline/. Files go to lora/: peft (with its settings in the header), diffusers, processors (as
diffusers wrote them before PEFT), kohya and its other layers, original (kohya's, with the names of CompVis' UNet), and
style, a second LoRA. lora/pictures.json has a row for each drawing: the files with their weights, whether they are fused,
the scheduler, and the pixels [count, height, width, 3] as bytes in base64.
"""

import base64
import json
import pathlib
import re
import sys

import numpy
import torch
import transformers.integrations.peft
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    UniPCMultistepScheduler,
)
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

from single_file_layouts import unet_name

# PEFT 0.21 is the newest there is; transformers 5.24 asks for a later one, but only loads layers here.
transformers.integrations.peft.check_peft_version = lambda **_: None

RANK = 2
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
OTHERS = ["ff.net.0.proj", "proj_in", "conv1", "conv_shortcut", "time_emb_proj"]
TEXT = ["q_proj", "out_proj", "fc1"]
CALL = dict(prompt=["a photo of a cat", "an oil painting of the castle"], num_inference_steps=3, height=16, width=16,
            guidance_scale=3.0)
# Besides DDIM, for each spelling.
SCHEDULERS = [EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, DPMSolverMultistepScheduler, UniPCMultistepScheduler]
Weights = dict[str, torch.Tensor]


def load(folder: pathlib.Path, scheduler: type = DDIMScheduler) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline.from_pretrained(folder / "pipeline")
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def random_lora(model: torch.nn.Module, targets: list[str], alpha: float, strength: float) -> tuple[Weights, dict]:
    config = LoraConfig(r=RANK, lora_alpha=alpha, target_modules=targets, init_lora_weights=False)
    model.add_adapter(config, adapter_name="made")
    weights = get_peft_model_state_dict(model, adapter_name="made")
    made = {key: strength * torch.randn_like(value) for key, value in weights.items()}
    return made, model.peft_config["made"].to_dict()


def in_diffusers(unet: Weights, text: Weights) -> Weights:
    def spelled(key: str, word: str) -> str:
        return key.replace("lora_A", f"{word}.down").replace("lora_B", f"{word}.up")
    return ({"unet." + spelled(key, "lora"): value for key, value in unet.items()}
            | {"text_encoder.text_model." + spelled(key, "lora_linear_layer"): value for key, value in text.items()})


def as_processors(unet: Weights) -> Weights:
    out = {}
    for key, value in unet.items():
        found = re.fullmatch(r"(.*\.attn[12])\.(to_q|to_k|to_v|to_out)(?:\.0)?\.lora_([AB])\.weight", key)
        if found:
            out[f"unet.{found[1]}.processor.{found[2]}_lora.{'down' if found[3] == 'A' else 'up'}.weight"] = value
    return out


def in_kohya(unet: Weights, text: Weights, alpha: float, rename=lambda layer: layer) -> Weights:
    out = {}
    for prefix, weights in [("lora_unet", unet), ("lora_te_text_model", text)]:
        for key, value in weights.items():
            layer, half = key.removesuffix(".weight").rsplit(".", 1)
            name = rename(layer) if prefix == "lora_unet" else layer
            stem = f"{prefix}_{name.replace('.', '_')}"
            out[f"{stem}.lora_{'down' if half == 'lora_A' else 'up'}.weight"] = value
            out[f"{stem}.alpha"] = torch.tensor(alpha)
    return out


def load_lora(pipeline: StableDiffusionPipeline, folder: pathlib.Path, name: str) -> None:
    """As load_lora_weights does, and knows that transformers 5 leaves out text_model."""
    # The UNet's config tells how blocks are counted in the original layout.
    found = pipeline.lora_state_dict(folder, weight_name=f"{name}.safetensors", unet_config=pipeline.unet.config,
                                     return_lora_metadata=True)
    state, alphas, metadata = ({key.replace("text_encoder.text_model.", "text_encoder."): value
                                for key, value in part.items()} if part else None for part in found)
    more = dict(adapter_name=name, _pipeline=pipeline, metadata=metadata)
    pipeline.load_lora_into_unet(state, alphas, pipeline.unet, **more)
    if any(key.startswith("text_encoder.") for key in state):
        pipeline.load_lora_into_text_encoder(state, alphas, pipeline.text_encoder, **more)


def main(folder: pathlib.Path) -> None:
    torch.manual_seed(0)
    out = folder / "lora"
    out.mkdir(exist_ok=True)
    pipeline = load(folder)
    config = dict(pipeline.unet.config)
    unet, unet_config = random_lora(pipeline.unet, ATTENTION + OTHERS, 3.0, 0.5)
    text, text_config = random_lora(pipeline.text_encoder, TEXT, 1.0, 0.5)
    pipeline = load(folder)
    style, _ = random_lora(pipeline.unet, ["to_v", "conv2"], 1.0, 0.6)
    StableDiffusionPipeline.save_lora_weights(
        out, unet_lora_layers=unet, text_encoder_lora_layers=text, weight_name="peft.safetensors",
        unet_lora_adapter_metadata=unet_config, text_encoder_lora_adapter_metadata=text_config)
    cross_up = [kind.startswith("Cross") for kind in config["up_block_types"]]
    there = lambda layer: unet_name(layer + ".weight", config["layers_per_block"], cross_up).removesuffix(".weight")
    files = {"diffusers": in_diffusers(unet, text), "processors": as_processors(unet), "kohya": in_kohya(unet, text, 1.5),
             "original": in_kohya({key: value for key, value in unet.items() if "attentions" in key}, {}, 1.0, there),
             "style": in_kohya(style, {}, 2.0)}
    for name, tensors in files.items():
        save_file(tensors, out / f"{name}.safetensors", metadata={"format": "pt"})
    rows = []

    def draw(adapters: list[tuple[str, float]], fused: float | None = None, scheduler: type = DDIMScheduler) -> None:
        pipeline = load(folder, scheduler)
        for name, _ in adapters:
            load_lora(pipeline, out, name)
        active = pipeline.get_active_adapters()
        if len(adapters) > 1 or any(weight != 1 for _, weight in adapters):
            pipeline.set_adapters([name for name, _ in adapters], [weight for _, weight in adapters])
        if fused is not None:
            pipeline.fuse_lora(lora_scale=fused)
            pipeline.unload_lora_weights()
        images = pipeline(**CALL, generator=torch.Generator("cpu").manual_seed(7), output_type="np").images
        pixels = (images * 255).round().astype(numpy.uint8)
        rows.append({"adapters": adapters, "active": active, "fused": fused, "scheduler": scheduler.__name__,
                     "shape": list(pixels.shape), "pixels": base64.b64encode(pixels.tobytes()).decode()})

    draw([])
    for name in ["peft", *files]:
        draw([(name, 1.0)])
    draw([("kohya", 0.4)])
    draw([("kohya", 0.8), ("style", -0.6)])
    draw([("kohya", 0.8), ("style", -0.6)], fused=0.5)
    for name in ["peft", "diffusers", "processors", "kohya", "original"]:
        for scheduler in SCHEDULERS:
            draw([(name, 1.0)], scheduler=scheduler)
    lines = ",\n".join(json.dumps(row) for row in rows)
    (out / "pictures.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
