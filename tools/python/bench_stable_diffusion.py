"""Models of Stable Diffusion in their published sizes, with random weights, and how long diffusers draws with them.

    python bench_stable_diffusion.py --make FOLDER          writes a pipeline of Stable Diffusion 1.5 in float16
    python bench_stable_diffusion.py --make FOLDER --model xl      one of Stable Diffusion XL's base
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
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

FIXTURES = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "stable_diffusion"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def make(folder: str, model: str) -> None:
    published = json.loads((FIXTURES / "published.json").read_text())
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float16)

    def text(model_class, name: str):
        return model_class(CLIPTextConfig(**published[name]["config"])).half()

    is_xl = model == "xl"
    unet = published["Stable Diffusion XL base" if is_xl else "Stable Diffusion 1.5"]
    parts = {
        "unet": UNet2DConditionModel(**unet["config"]).half(),
        "vae": AutoencoderKL(**published["autoencoder of Stable Diffusion"]["config"]).half(),
        "text_encoder": text(CLIPTextModel, "text model of Stable Diffusion 1.5"),
        "tokenizer": CLIPTokenizer.from_pretrained(FIXTURES / "pipeline" / "tokenizer"),
        "scheduler": PNDMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            skip_prk_steps=True,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
    }
    if is_xl:
        second = text(CLIPTextModelWithProjection, "second text model of Stable Diffusion XL")
        pipeline = StableDiffusionXLPipeline(**parts, text_encoder_2=second, tokenizer_2=parts["tokenizer"])
    else:
        pipeline = StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipeline.save_pretrained(folder)


def draw(folder: str, dtype: str, threads: int, size: int, steps: int) -> dict:
    torch.set_num_threads(threads)
    times = [time.perf_counter()]

    def lap(*_):
        times.append(time.perf_counter())
        return {}

    pipeline = DiffusionPipeline.from_pretrained(folder, torch_dtype=DTYPES[dtype])
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
    parser.add_argument("--model", choices=["1.5", "xl"], default="1.5")
    parser.add_argument("--draw")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4)
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    if args.make:
        make(args.make, args.model)
    if args.draw:
        print(json.dumps(draw(args.draw, args.dtype, args.threads, args.size, args.steps)))


if __name__ == "__main__":
    main()
