"""Times PyTorch and diffusers on a GPU: training steps, forward passes, matrix products, convolutions.

tools/bench_gpu.ts runs it. It prints one JSON object that says what is here, or why nothing can be measured; then it
reads a plan, one line of JSON (torchPlan in tools/bench_gpu/plan.ts), from its input and prints an object for each case
of it, in order. Whoever runs it ends it when time is over.

A training step is that of bench_diffusers.py: noise and timesteps, add_noise, UNet, mean squared error, backward,
clipping, AdamW, moving average. Images come from the host in each step, and losses and drawn images go back to it, as
with Imago. "bf16" is autocast in steps, and the type of the arrays of single operations. cuDNN tries its algorithms.
"""

import argparse
import gc
import json
import statistics
import sys
import time


def say(line: dict) -> None:
    print(json.dumps({**line, "library": "pytorch"}, allow_nan=False), flush=True)


try:
    import diffusers
    import torch
    from diffusers import DDPMScheduler, UNet2DModel
    from diffusers.training_utils import EMAModel
except Exception as error:  # a package that is there may still not load
    say({"part": "pytorch", "skipped": str(error).strip().splitlines()[0]})
    sys.exit()

WARM_CALLS = 3
# Short operations are timed together, so that a launch hides behind the operation before it, as in a step.
LEAST_SECONDS, MOST_CALLS = 5e-3, 100


def finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def times(seconds: list) -> dict:
    return {"median": statistics.median(seconds), "fastest": min(seconds), "slowest": max(seconds)}


def seconds_of(calls: int, call, device: torch.device) -> float:
    """Seconds of a call, of several in a row."""
    if device.type != "cuda":
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - begin) / calls
    first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    first.record()
    for _ in range(calls):
        call()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1000 / calls


def speed(call, flops: int, runs: int, device: torch.device) -> dict:
    one = min(seconds_of(1, call, device) for _ in range(WARM_CALLS))
    calls = max(1, min(MOST_CALLS, round(LEAST_SECONDS / max(one, 1e-9))))
    seconds = statistics.median(seconds_of(calls, call, device) for _ in range(runs))
    return {"seconds": seconds, "gflops": flops / seconds / 1e9}


def element_type(case: dict) -> torch.dtype:
    return torch.bfloat16 if case["precision"] == "bf16" else torch.float32


def memory_format(case: dict) -> torch.memory_format:
    return torch.channels_last if case["channels_last"] else torch.contiguous_format


def product(case: dict, plan: dict, device: torch.device) -> dict:
    size = case["name"]["size"]
    a, b = (torch.randn(size, size, device=device, dtype=element_type(case)) for _ in range(2))
    return {"matmul": speed(lambda: torch.matmul(a, b), 2 * size**3, plan["runs"], device)}


def convolution(case: dict, plan: dict, device: torch.device) -> dict:
    (n, h, w, ci), co = case["name"]["image"], case["name"]["co"]

    def array(*shape: int) -> torch.Tensor:
        return torch.randn(shape, device=device, dtype=element_type(case)).to(memory_format=memory_format(case))

    image, filters, gradient = array(n, ci, h, w), array(co, ci, 3, 3), array(n, co, h, w)
    flops = 2 * n * h * w * 9 * ci * co

    def backward(*wanted: bool):
        where = [1, 1], [1, 1], [1, 1], False, [0, 0], 1
        return lambda: torch.ops.aten.convolution_backward(gradient, image, filters, None, *where, [*wanted, False])

    calls = {
        "conv2d": lambda: torch.nn.functional.conv2d(image, filters, padding=1),
        "conv2d_grad_input": backward(True, False),
        "conv2d_grad_filter": backward(False, True),
    }
    return {name: speed(call, flops, plan["runs"], device) for name, call in calls.items()}


def steps(case: dict, plan: dict, device: torch.device) -> dict:
    """Training steps, or forward passes as in sampling."""
    trains = case["name"]["part"] == "training"
    batch_size = case["name"]["batch_size"]
    model = plan["models"][case["name"]["preset"]]
    config, max_grad_norm = model["config"], model["max_grad_norm"]
    torch.manual_seed(0)
    unet = UNet2DModel.from_config(config).to(device, memory_format=memory_format(case)).train(trains)
    parameters = list(unet.parameters())
    size = config["sample_size"]
    images = (torch.rand(batch_size, config["in_channels"], size, size) * 2 - 1).to(memory_format=memory_format(case))
    if device.type == "cuda":
        images = images.pin_memory()
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    optimizer = torch.optim.AdamW(parameters, lr=4e-4) if trains else None
    ema = EMAModel(parameters, foreach=True) if trains and model["ema"] else None
    called = unet
    if case["compiled"]:
        torch._dynamo.reset()
        called = torch.compile(unet, backend=plan["compiler"])
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=case["precision"] == "bf16")

    def train() -> None:
        clean = images.to(device, non_blocking=True)
        noise = torch.randn_like(clean)
        timesteps = torch.randint(0, scheduler.config.num_train_timesteps, (batch_size,), device=device)
        noisy = scheduler.add_noise(clean, noise, timesteps)
        with autocast:
            prediction = called(noisy, timesteps, return_dict=False)[0]
        loss = torch.nn.functional.mse_loss(prediction.float(), noise)
        loss.backward()
        if max_grad_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if ema is not None:
            ema.step(parameters)
        loss.item()

    @torch.no_grad()
    def draw() -> None:
        noisy = images.to(device, non_blocking=True)
        with autocast:
            called(noisy, torch.full((batch_size,), 500, device=device), return_dict=False)[0].float().cpu()

    step = train if trains else draw
    seconds = []
    for _ in range(plan["warmup"] + plan["steps"]):
        begin = time.perf_counter()
        step()
        finish(device)
        seconds.append(time.perf_counter() - begin)
    timed = times(seconds[plan["warmup"] :])
    return {
        "images_per_second": batch_size / timed["median"],
        "seconds": timed,
        **({"peak_bytes": torch.cuda.max_memory_allocated()} if device.type == "cuda" else {}),
        "start": {"first_step": seconds[0]},
        **({"optimizer": "adamw"} if trains else {}),
        **({"compiler": plan["compiler"]} if case["compiled"] else {}),
    }


PARTS = {"training": steps, "sampling": steps, "product": product, "convolution": convolution}


def measure(case: dict, plan: dict, device: torch.device) -> dict:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = case["precision"] == "tf32"
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    try:
        return PARTS[case["name"]["part"]](case, plan, device)
    except Exception as error:  # one that does not fit, or does not compile, must not hide the others
        return {"error": (str(error).strip() or type(error).__name__).splitlines()[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    device = torch.device(parser.parse_args().device)
    versions = {"torch": torch.__version__, "diffusers": diffusers.__version__}
    if device.type == "cpu":
        say({"part": "device", "name": "the processor", **versions})
    elif not torch.cuda.is_available():
        say({"part": "pytorch", "skipped": f"torch {torch.__version__} has no CUDA device here"})
        return
    else:
        name, cudnn = torch.cuda.get_device_name(), torch.backends.cudnn.version()
        say({"part": "device", "name": name, **versions, "cuda": torch.version.cuda, "cudnn": cudnn})
    torch.backends.cudnn.benchmark = True
    text = sys.stdin.readline()
    if text == "":  # whoever started this is gone
        return
    plan = json.loads(text)
    for case in plan["cases"]:
        result = measure(case, plan, device)
        say({**case["name"], **result})
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
