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
from diffusers import AutoencoderKL, AutoencoderTiny, UNet2DConditionModel, VQModel
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


UNET = dict(sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=12,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
UNETS = {
    "unet_sd1": dict(attention_head_dim=2, layers_per_block=2),
    "unet_sd2": dict(attention_head_dim=[2, 4], use_linear_projection=True, num_class_embeds=7,
                     down_block_types=("CrossAttnDownBlock2D",) * 2, up_block_types=("CrossAttnUpBlock2D",) * 2),
    "unet_sdxl": dict(attention_head_dim=[2, 4], use_linear_projection=True, transformer_layers_per_block=[1, 2],
                      down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                      up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), addition_embed_type="text_time",
                      addition_time_embed_dim=4, projection_class_embeddings_input_dim=34),
    "unet_lcm": dict(attention_head_dim=4, time_cond_proj_dim=6, class_embed_type="timestep", act_fn="gelu",
                     resnet_time_scale_shift="scale_shift", mid_block_scale_factor=1.5, downsample_padding=0,
                     conv_in_kernel=1, conv_out_kernel=5, freq_shift=1, flip_sin_to_cos=False),
    "unet_projection": dict(attention_head_dim=1, class_embed_type="projection", time_embedding_dim=20, in_channels=9,
                            projection_class_embeddings_input_dim=10, mid_block_type=None, layers_per_block=[2, 1],
                            center_input_sample=True),
}


def conditional_unets(folder: pathlib.Path) -> None:
    for name, options in UNETS.items():
        torch.manual_seed(0)
        model = UNet2DConditionModel(**UNET | options)
        liven(model)
        config = model.config
        inputs = {
            "sample": torch.randn(2, config.in_channels, 8, 8),
            "timestep": torch.tensor([3, 871]),
            "encoderHiddenStates": torch.randn(2, 5, 12),
        }
        if config.num_class_embeds is not None or config.class_embed_type == "timestep":
            inputs["classLabels"] = torch.tensor([6, 2])
        if config.class_embed_type == "projection":
            inputs["classLabels"] = torch.randn(2, 10)
        if config.addition_embed_type is not None:
            inputs["textEmbeds"] = torch.randn(2, 10)
            inputs["timeIds"] = torch.tensor([[64.0, 48, 3, 5, 32, 40], [100, 200, 0, 7, 64, 64]])
        if config.time_cond_proj_dim is not None:
            inputs["timestepCond"] = torch.randn(2, 6)
        for key, value in inputs.items():
            value.requires_grad_(value.is_floating_point() and key != "timeIds")
        added = {key: inputs[name] for key, name in (("text_embeds", "textEmbeds"), ("time_ids", "timeIds"))
                 if name in inputs}
        output = model(inputs["sample"], inputs["timestep"], inputs["encoderHiddenStates"], added_cond_kwargs=added,
                       class_labels=inputs.get("classLabels"), timestep_cond=inputs.get("timestepCond")).sample
        save(folder, name, json.loads(model.to_json_string()), model, inputs, {"sample": output})


LEVELS = dict(down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
              block_out_channels=(8, 16), norm_num_groups=4)
AUTOENCODERS = {
    "vae": (AutoencoderKL, LEVELS | dict(latent_channels=3)),
    "vae_plain": (AutoencoderKL, LEVELS | dict(latent_channels=2, use_quant_conv=False, use_post_quant_conv=False,
                                               mid_block_add_attention=False, act_fn="gelu", shift_factor=0.25)),
    "taesd": (AutoencoderTiny, dict(encoder_block_out_channels=(8, 8, 8), decoder_block_out_channels=(6, 6, 6),
                                    num_encoder_blocks=(1, 2, 1), num_decoder_blocks=(2, 1, 1))),
    "vq": (VQModel, LEVELS | dict(latent_channels=3, vq_embed_dim=4, num_vq_embeddings=20)),
}


def autoencoders(folder: pathlib.Path) -> None:
    for name, (Model, options) in AUTOENCODERS.items():
        torch.manual_seed(0)
        model = Model(**options)
        liven(model)
        channels = 4 if Model is not AutoencoderKL else options["latent_channels"]
        inputs = {"images": torch.rand(2, 3, 16, 8) * 2 - 1, "latents": torch.randn(2, channels, 4, 6)}
        for value in inputs.values():
            value.requires_grad_()
        if Model is AutoencoderKL:
            latents = model.encode(inputs["images"]).latent_dist
            outputs = {"mean": latents.mean, "std": latents.std, "images": model.decode(inputs["latents"]).sample}
        elif Model is AutoencoderTiny:
            outputs = {"latents": model.encode(inputs["images"]).latents,
                       "images": model.decode(inputs["latents"]).sample}
        else:
            # The table's vectors begin very near to 0.
            model.quantize.embedding.weight.data *= 20
            decoded = model.decode(inputs["latents"])
            outputs = {"latents": model.encode(inputs["images"]).latents, "images": decoded.sample,
                       "commitLoss": decoded.commit_loss.reshape(1)}
        save(folder, name, json.loads(model.to_json_string()), model, inputs, outputs)


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    text_models(out)
    autoencoders(out)
    conditional_unets(out)
