"""Models of Stable Diffusion in their published sizes, with random weights, and how long diffusers draws with them.

    python bench_stable_diffusion.py --make FOLDER          writes a pipeline of Stable Diffusion 1.5 in float16
    python bench_stable_diffusion.py --draw FOLDER --dtype fp32 --threads 2 --size 512 --steps 4

Drawing prints one JSON object: seconds to load the folder, of each step and from the last step to the picture, and the
peak memory of the process in bytes. Beside the packages of requirements.txt this needs transformers.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import torch
import transformers
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "stable_diffusion"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def make(folder: str) -> None:
    published = json.loads((FIXTURES / "published.json").read_text())
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float16)
    unet = UNet2DConditionModel(**published["Stable Diffusion 1.5"]["config"])
    vae = AutoencoderKL(**published["autoencoder of Stable Diffusion"]["config"])
    text = CLIPTextModel(CLIPTextConfig(**published["text model of Stable Diffusion 1.5"]["config"]))
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    StableDiffusionPipeline(
        unet=unet.half(),
        vae=vae.half(),
        text_encoder=text.half(),
        tokenizer=CLIPTokenizer.from_pretrained(FIXTURES / "pipeline" / "tokenizer"),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def draw(folder: str, dtype: str, threads: int, size: int, steps: int) -> dict:
    torch.set_num_threads(threads)
    times = [time.perf_counter()]

    def lap(*_):
        times.append(time.perf_counter())
        return {}

    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=DTYPES[dtype])
    lap()
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    pipeline(
        "an oil painting of a castle",
        num_inference_steps=steps,
        height=size,
        width=size,
        callback_on_step_end=lap,
    )
    lap()
    load, *step, rest = [later - earlier for earlier, later in zip(times, times[1:])]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "load": load,
        "steps": step,
        "rest": rest,
        "peak_bytes": peak if sys.platform == "darwin" else peak * 1024,
        "torch": torch.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--make")
    parser.add_argument("--draw")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    if args.make:
        make(args.make)
    if args.draw:
        print(json.dumps(draw(args.draw, args.dtype, args.threads, args.size, args.steps)))


if __name__ == "__main__":
    main()
