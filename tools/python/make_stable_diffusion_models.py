"""Tiny models of Stable Diffusion with random weights: outputs, and the gradient of every parameter and input.

    pip install transformers==5.24.0
    python make_stable_diffusion_models.py test/fixtures/stable_diffusion

Each model's config is a JSON file of its own; its tensors are in a safetensors file: param.*, input.*, output.*,
target.*, the loss (the sum of the mean squared errors of all outputs), grad.* and grad_input.*. Weights are torch's
initial ones of seed 0, except that norms and embeddings of words, which begin as constants or very small, are changed.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

CLIP = dict(vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2,
            max_position_embeddings=16, projection_dim=12, bos_token_id=62, eos_token_id=63, pad_token_id=63)


def liven(model: torch.nn.Module) -> None:
    """Moves norms away from 1 and 0, and embeddings away from 0, so that nothing about them can be left out."""
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data += 0.3 * torch.randn_like(parameter)
        if "token_embedding" in name or "position_embedding" in name:
            parameter.data = 0.7 * torch.randn_like(parameter)


def save(folder: pathlib.Path, name: str, config: dict, model: torch.nn.Module, inputs: dict, outputs: dict,
         prefix: str = "") -> None:
    targets = {key: torch.randn_like(value) for key, value in outputs.items()}
    loss = sum(torch.nn.functional.mse_loss(outputs[key], target) for key, target in targets.items())
    loss.backward()
    tensors = {"loss": loss.detach().reshape(1)}
    for key, value in model.named_parameters():
        tensors[f"param.{prefix}{key}"], tensors[f"grad.{prefix}{key}"] = value.detach(), value.grad
    for key, value in inputs.items():
        tensors[f"input.{key}"] = value.detach()
        if value.grad is not None:
            tensors[f"grad_input.{key}"] = value.grad
    for key, value in outputs.items():
        tensors[f"output.{key}"], tensors[f"target.{key}"] = value.detach(), targets[key]
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, folder / f"{name}.safetensors")
    (folder / f"{name}.config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def text_models(folder: pathlib.Path) -> None:
    for name, Model, options in [
        ("clip_text_quick_gelu", CLIPTextModel, {}),
        ("clip_text_old_end", CLIPTextModel, dict(hidden_act="gelu", eos_token_id=2, pad_token_id=1)),
        ("clip_text_projection", CLIPTextModelWithProjection, dict(hidden_act="gelu_new", num_attention_heads=4)),
    ]:
        torch.manual_seed(0)
        config = CLIPTextConfig(**CLIP | options)
        model = Model(config).eval()
        liven(model)
        ids = torch.randint(3, 62, (3, 11))
        ids[:, 0] = 62
        for row, end in enumerate((10, 4, 7)):
            ids[row, end:] = config.pad_token_id
            ids[row, end] = 63
        result = model(ids, output_hidden_states=True)
        outputs = {"lastHiddenState": result.last_hidden_state, "penultimate": result.hidden_states[-2]}
        if Model is CLIPTextModel:
            outputs["poolerOutput"] = result.pooler_output
        else:
            outputs["textEmbeds"] = result.text_embeds
        # Files from before transformers 5 begin all names so, which are nearly all there are.
        prefix = "text_model." if Model is CLIPTextModel else ""
        save(folder, name, config.to_dict() | {"architectures": [Model.__name__]}, model, {"inputIds": ids}, outputs,
             prefix)


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    text_models(out)
