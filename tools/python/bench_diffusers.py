"""Times diffusers on this machine's CPU: training steps and forward passes of the presets' UNets.

    python bench_diffusers.py --preset butterflies32 --batch-size 64 --threads 2 --steps 5
    python bench_diffusers.py --preset cifar10 --batch-size 16 --work forward --variants eager,compile

A training step draws noise and timesteps, then runs add_noise, UNet, mean squared error, backward, AdamW and, with their
options, clipping and the moving average of the weights. It prints one JSON object per variant, on a line each: seconds
of every timed step, of the fastest and the median, images per second of the median, seconds of the first step (which
compiles), the loss or output norm of the last step, and the peak memory of the process so far: run a single variant
to get its own peak.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import diffusers
import torch
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel

LAYOUTS = Path(__file__).resolve().parents[2] / "test" / "fixtures" / "checkpoint_layout"
PRESETS = {"butterflies32": "butterflies32", "cifar10": "cifar10_32", "butterflies128": "butterflies128"}
VARIANTS = ["eager", "channels_last", "compile", "compile_channels_last"]


def peak_resident_bytes():
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def training_step(unet, scheduler, optimizer, ema, images, max_grad_norm):
    noise = torch.randn_like(images)
    timesteps = torch.randint(0, scheduler.config.num_train_timesteps, (images.shape[0],))
    noisy = scheduler.add_noise(images, noise, timesteps)
    loss = torch.nn.functional.mse_loss(unet(noisy, timesteps, return_dict=False)[0], noise)
    loss.backward()
    if max_grad_norm is not None:
        torch.nn.utils.clip_grad_norm_(unet.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if ema is not None:
        ema.step(unet.parameters())
    return loss.item()


@torch.no_grad()
def forward_pass(unet, scheduler, optimizer, ema, images, max_grad_norm):
    timesteps = torch.randint(0, scheduler.config.num_train_timesteps, (images.shape[0],))
    return unet(images, timesteps, return_dict=False)[0].norm().item()


def bench(args: argparse.Namespace, config: dict, work: str, variant: str) -> dict:
    torch.manual_seed(0)
    torch._dynamo.reset()
    unet = UNet2DModel.from_config(config)
    size = config["sample_size"]
    images = torch.rand(args.batch_size, config["in_channels"], size, size) * 2 - 1
    if "channels_last" in variant:
        unet = unet.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    unet.train(work == "train")
    parameters = unet.num_parameters()
    optimizer = torch.optim.AdamW(unet.parameters(), lr=4e-4)
    ema = EMAModel(unet.parameters(), foreach=True) if args.ema and work == "train" else None
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    model = torch.compile(unet) if "compile" in variant else unet
    step = training_step if work == "train" else forward_pass
    seconds = []
    warmup = None  # untimed steps, once known
    while warmup is None or len(seconds) < warmup + args.steps:
        begin = time.perf_counter()
        result = step(model, scheduler, optimizer, ema, images, args.max_grad_norm)
        seconds.append(time.perf_counter() - begin)
        if warmup is None and len(seconds) >= args.warmup and sum(seconds[1:]) >= args.warmup_seconds:
            warmup = len(seconds)
    timed = seconds[warmup:]
    median = statistics.median(timed)
    return {
        "work": work, "preset": args.preset, "variant": variant, "batch_size": args.batch_size,
        "threads": torch.get_num_threads(), "parameters": parameters, "steps": len(timed),
        "first_seconds": round(seconds[0], 6), "best_seconds": round(min(timed), 6), "median_seconds": round(median, 6),
        "step_seconds": [round(s, 6) for s in timed], "peak_resident_bytes": peak_resident_bytes(),
        "images_per_second": round(args.batch_size / median, 3), "loss" if work == "train" else "norm": result,
        "torch": torch.__version__, "diffusers": diffusers.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="butterflies32")
    parser.add_argument("--work", default="train,forward", help="train, forward, or both (default)")
    parser.add_argument("--variants", default=",".join(VARIANTS), help=f"of {', '.join(VARIANTS)} (default: all)")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--max-grad-norm", type=float, help="clip gradients to this norm (default: leave them)")
    parser.add_argument("--ema", action="store_true", help="keep a moving average of the weights")
    parser.add_argument("--warmup", type=int, default=2, help="at least so many steps are not counted (default 2)")
    parser.add_argument("--warmup-seconds", type=float, default=2, help="nor those of so long after the first (default 2)")
    parser.add_argument("--steps", type=int, default=3, help="steps timed (default 3)")
    args = parser.parse_args()
    works, variants = args.work.split(","), args.variants.split(",")
    for name, known in [*((work, ["train", "forward"]) for work in works), *((variant, VARIANTS) for variant in variants)]:
        if name not in known:
            parser.error(f"{name!r} was given, where one of {', '.join(known)} was expected")
    torch.set_num_threads(args.threads)
    config = json.loads((LAYOUTS / PRESETS[args.preset] / "unet" / "config.json").read_text())
    for work in works:
        for variant in variants:
            try:
                line = bench(args, config, work, variant)
            except Exception as error:  # a variant that this torch cannot run must not hide the others
                line = {"work": work, "preset": args.preset, "variant": variant, "error": str(error).splitlines()[0]}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
