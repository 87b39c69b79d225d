"""What AutoencoderKL gives when it is computed in tiles: of the model in vae.safetensors, with its own tiles and with
smaller ones that overlap more.

    python make_stable_diffusion_tiles.py test/fixtures/stable_diffusion

vae_tiles.safetensors holds input.images and input.latents, and own.* and small.*: mean and std of the images'
distributions, and the images of the latents.
"""

import json
import pathlib
import sys

import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file

# Neither side is a whole number of tiles, and the last tiles are narrower than what overlaps.
HEIGHT, WIDTH = 20, 27


def main(folder: pathlib.Path) -> None:
    config = json.loads((folder / "vae.config.json").read_text())
    model = AutoencoderKL.from_config(config).eval()
    saved = load_file(folder / "vae.safetensors")
    model.load_state_dict({key.removeprefix("param."): value for key, value in saved.items() if "param." in key})
    torch.manual_seed(4)
    images = torch.rand(2, 3, 2 * HEIGHT, 2 * WIDTH) * 2 - 1
    latents = torch.randn(2, 3, HEIGHT, WIDTH)
    tensors = {"input.images": images, "input.latents": latents}
    model.enable_tiling()
    with torch.no_grad():
        for name in ("own", "small"):
            if name == "small":
                model.tile_sample_min_size, model.tile_latent_min_size, model.tile_overlap_factor = 16, 8, 0.5
            distribution = model.encode(images).latent_dist
            tensors |= {f"{name}.mean": distribution.mean, f"{name}.std": distribution.std,
                        f"{name}.images": model.decode(latents).sample}
    save_file({key: value.contiguous().clone() for key, value in tensors.items()}, folder / "vae_tiles.safetensors")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
