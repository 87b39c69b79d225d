"""diffusers' numbers for the options of schedulers that its own tests do not cover.

    python discrete_scheduler_rows.py > test/fixtures/discrete_scheduler_rows.json

Each row is a whole sampling loop over the samples and the "model" of diffusers' scheduler tests: the class, its config,
the steps (a number, or custom timesteps), the options of step, and the sum and the norm of the result.
"""

import itertools
import json

import torch
import diffusers

SHAPE = (4, 3, 8, 8)


def start_sample() -> torch.Tensor:
    count = 4 * 3 * 8 * 8
    values = torch.arange(count).reshape(3, 8, 8, 4) / count
    return values.permute(3, 0, 1, 2)


def model(sample: torch.Tensor, timestep, doubled: bool) -> torch.Tensor:
    output = sample * timestep / (timestep + 1)
    return torch.cat([output, output / 2], dim=1) if doubled else output


def run(name: str, config: dict, steps, step_options: dict) -> dict:
    scheduler = getattr(diffusers, name)(**config)
    if isinstance(steps, list):
        scheduler.set_timesteps(timesteps=steps)
    else:
        scheduler.set_timesteps(steps)
    generator = torch.manual_seed(0)
    sample = start_sample() * scheduler.init_noise_sigma
    doubled = config.get("variance_type") == "learned_range"
    timesteps = scheduler.timesteps
    if name == "UnCLIPScheduler":
        timesteps = timesteps[:-1]  # at timestep 0 this model's output is 0
    for i, t in enumerate(timesteps):
        output = model(scheduler.scale_model_input(sample, t), t, doubled)
        options = dict(step_options)
        if name in ("UnCLIPScheduler", "LCMScheduler", "TCDScheduler", "CMStochasticIterativeScheduler"):
            options["generator"] = generator
        if name == "UnCLIPScheduler":
            options["prev_timestep"] = scheduler.timesteps[i + 1]
        sample = scheduler.step(output, t, sample, **options).prev_sample
    double = sample.double()
    assert torch.isfinite(double).all(), (name, config, steps)
    return {"scheduler": name, "config": config, "steps": steps, "options": step_options,
            "abs_sum": double.abs().sum().item(), "norm": double.norm().item()}


def cases():
    spacings = ["leading", "trailing", "linspace"]
    for spacing, prediction, steps in itertools.product(spacings[:2], ["epsilon", "v_prediction", "sample"], [7, 25]):
        config = {"timestep_spacing": spacing, "prediction_type": prediction}
        yield "DDIMInverseScheduler", config | {"set_alpha_to_one": False}, steps, {}
    yield "DDIMInverseScheduler", {"clip_sample": False, "steps_offset": 1}, 10, {}
    yield "DDIMInverseScheduler", {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction",
                                   "timestep_spacing": "trailing"}, 10, {}
    for skip, spacing, prediction, steps in itertools.product(
            [False, True], spacings, ["epsilon", "v_prediction"], [4, 7, 25]):
        yield "PNDMScheduler", {"skip_prk_steps": skip, "timestep_spacing": spacing,
                                "prediction_type": prediction}, steps, {}
    yield "PNDMScheduler", {"skip_prk_steps": True, "set_alpha_to_one": True, "steps_offset": 1}, 2, {}
    yield "PNDMScheduler", {"skip_prk_steps": True}, 1, {}
    yield "PNDMScheduler", {}, 1000, {}
    for variance, prediction, steps in itertools.product(
            ["fixed_small_log", "learned_range"], ["epsilon", "sample"], [2, 7, 25]):
        yield "UnCLIPScheduler", {"variance_type": variance, "prediction_type": prediction}, steps, {}
    for prediction, clip, steps in itertools.product(["epsilon", "v_prediction", "sample"], [False, True], [2, 7, 50]):
        yield "LCMScheduler", {"prediction_type": prediction, "clip_sample": clip}, steps, {}
    yield "LCMScheduler", {"thresholding": True, "original_inference_steps": 100, "timestep_scaling": 1.5}, 30, {}
    yield "LCMScheduler", {}, [999, 500, 20, 0], {}
    for prediction, eta, steps in itertools.product(["epsilon", "v_prediction", "sample"], [0.0, 0.3, 1.0], [2, 7, 50]):
        yield "TCDScheduler", {"prediction_type": prediction}, steps, {"eta": eta}
    yield "TCDScheduler", {}, [999, 500, 20, 0], {}
    for clip, steps in itertools.product([False, True], [2, 7, 40]):
        yield "CMStochasticIterativeScheduler", {"clip_denoised": clip, "s_noise": 1.007}, steps, {}


def main() -> None:
    rows = [json.dumps(run(*case)) for case in cases()]
    print("[\n" + ",\n".join(rows) + "\n]")


if __name__ == "__main__":
    main()
