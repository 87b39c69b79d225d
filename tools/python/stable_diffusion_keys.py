"""The weights of the published models of Stable Diffusion and of other latents: how many, and a hash of all names and
shapes.

    pip install transformers==5.24.0
    python stable_diffusion_keys.py test/fixtures/stable_diffusion/published.json

Models are made from their configs on torch's "meta" device, without memory.
"""

import hashlib
import json
import sys

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, DiTTransformer2DModel, UNet2DConditionModel, VQModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

CROSS_DOWN, CROSS_UP = ["CrossAttnDownBlock2D"], ["CrossAttnUpBlock2D"]
XL = dict(sample_size=128, block_out_channels=[320, 640, 1280], down_block_types=["DownBlock2D"] + CROSS_DOWN * 2,
          up_block_types=CROSS_UP * 2 + ["UpBlock2D"], attention_head_dim=[5, 10, 20], cross_attention_dim=2048,
          transformer_layers_per_block=[1, 2, 10], use_linear_projection=True, addition_embed_type="text_time",
          addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816)
VAE = dict(block_out_channels=[128, 256, 512, 512], layers_per_block=2, down_block_types=["DownEncoderBlock2D"] * 4,
           up_block_types=["UpDecoderBlock2D"] * 4, sample_size=512)
VQ = dict(block_out_channels=[128, 256, 512], layers_per_block=2, down_block_types=["DownEncoderBlock2D"] * 3,
          up_block_types=["UpDecoderBlock2D"] * 3, num_vq_embeddings=8192, vq_embed_dim=3, sample_size=256)
TEXT = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, projection_dim=768)
MODELS = {
    "Stable Diffusion 1.5": (UNet2DConditionModel, dict(sample_size=64, cross_attention_dim=768)),
    "Stable Diffusion 2.1": (UNet2DConditionModel, dict(sample_size=96, cross_attention_dim=1024, upcast_attention=True,
                                                        attention_head_dim=[5, 10, 20, 20],
                                                        use_linear_projection=True)),
    "Stable Diffusion XL base": (UNet2DConditionModel, XL),
    "Stable Diffusion XL refiner": (UNet2DConditionModel, XL | dict(
        block_out_channels=[384, 768, 1536, 1536], down_block_types=["DownBlock2D"] + CROSS_DOWN * 2 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + CROSS_UP * 2 + ["UpBlock2D"], attention_head_dim=[6, 12, 24, 24],
        cross_attention_dim=1280, transformer_layers_per_block=4, projection_class_embeddings_input_dim=2560)),
    "latent consistency model": (UNet2DConditionModel, dict(cross_attention_dim=768, time_cond_proj_dim=256)),
    "autoencoder of Stable Diffusion": (AutoencoderKL, VAE),
    "autoencoder of Stable Diffusion 3": (AutoencoderKL, VAE | dict(
        latent_channels=16, use_quant_conv=False, use_post_quant_conv=False, scaling_factor=1.5305,
        shift_factor=0.0609, sample_size=1024)),
    "TAESD": (AutoencoderTiny, {}),
    "latent diffusion's VQ": (VQModel, VQ),
    "DiT-XL/2": (DiTTransformer2DModel, dict(out_channels=8)),
    "text model of Stable Diffusion 1.5": (CLIPTextModel, TEXT),
    "text model of Stable Diffusion 2.1": (CLIPTextModel, dict(
        hidden_size=1024, intermediate_size=4096, num_attention_heads=16, num_hidden_layers=23, hidden_act="gelu",
        projection_dim=512)),
    "second text model of Stable Diffusion XL": (CLIPTextModelWithProjection, dict(
        hidden_size=1280, intermediate_size=5120, num_attention_heads=20, num_hidden_layers=32, hidden_act="gelu",
        projection_dim=1280)),
}


def main(out: str) -> None:
    found = {}
    for name, (Model, options) in MODELS.items():
        with torch.device("meta"):
            model = Model(CLIPTextConfig(**options)) if "CLIP" in Model.__name__ else Model(**options)
        # Files of text models from before transformers 5 begin all names so, which are nearly all there are.
        prefix = "text_model." if Model is CLIPTextModel else ""
        shapes = {prefix + key: list(value.shape) for key, value in model.state_dict().items()}
        lines = "".join(f"{key} {','.join(map(str, shape))}\n" for key, shape in sorted(shapes.items()))
        found[name] = {
            "class": Model.__name__,
            "config": options,
            "tensors": len(shapes),
            "parameters": sum(value.numel() for value in model.state_dict().values()),
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
        }
    with open(out, "w", encoding="utf-8") as file:
        file.write(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
