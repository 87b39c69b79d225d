"""Writes test/fixtures/sigma_schedulers.json: sampling loops of diffusers' schedulers over sigmas, over their options.

Usage: python tools/python/sigma_schedulers.py [OUT.json]     (diffusers, torch, numpy and scipy)

The samples and the "model" are those of diffusers' own scheduler tests: arange(768) / 768 as [4, 3, 8, 8], and
sample * t / (t + 1). The model sees the scaled sample, the scheduler the sample itself. Noise is torch.randn with seed
0, one draw per step; the Brownian motion of DPMSolverSDEScheduler is replaced by such draws, one per half step.
Each row holds the sum of |x|, the sum of x * noise and the number of draws.
"""

import inspect
import json
import sys
import types
from pathlib import Path

import diffusers
import numpy as np
import torch

# Its Brownian motion is replaced below, so the package for it need not be installed.
sys.modules.setdefault("torchsde", types.ModuleType("torchsde"))
from diffusers.schedulers.scheduling_dpmsolver_sde import DPMSolverSDEScheduler  # noqa: E402

SPACINGS = ["linspace", "leading", "trailing"]
SIGMAS = ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"]
EXPLODING = [
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "LMSDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "DPMSolverSDEScheduler",
]


def ramp(values):
    return torch.from_numpy(values.astype(np.float32)).reshape(3, 8, 8, 4).permute(3, 0, 1, 2) / 768


SAMPLE = ramp(np.arange(768))
NOISE = ramp(np.arange(768)[::-1].copy())


def configs_of(name):
    """The options to test, each with its numbers of steps."""
    for spacing in SPACINGS:
        for prediction in ["epsilon", "sample", "v_prediction"]:
            yield {"timestep_spacing": spacing, "prediction_type": prediction}, [1, 2, 7, 25]
    yield {"timestep_spacing": "leading", "steps_offset": 1, "beta_schedule": "scaled_linear"}, [10]
    if name == "EulerAncestralDiscreteScheduler":
        yield {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, [10]
    else:
        for sigmas in SIGMAS:
            yield {sigmas: True, "prediction_type": "v_prediction"}, [2, 10]
            yield {sigmas: True, "beta_schedule": "squaredcos_cap_v2"}, [10]
    if name == "HeunDiscreteScheduler":
        yield {"clip_sample": True, "clip_sample_range": 0.5}, [10]
        yield {"beta_schedule": "exp", "prediction_type": "sample"}, [10]
    if name == "EulerDiscreteScheduler":
        yield {"interpolation_type": "log_linear", "final_sigmas_type": "sigma_min"}, [10]
        yield {"timestep_type": "continuous", "prediction_type": "v_prediction", "use_karras_sigmas": True}, [10]
        yield {"use_karras_sigmas": True, "sigma_min": 0.1, "sigma_max": 20.0}, [10]


def cases():
    for name in EXPLODING:
        for config, counts in configs_of(name):
            for steps in counts:
                yield name, config, steps, None
    for config in [
        {},
        {"prediction_type": "v_prediction"},
        {"sigma_schedule": "exponential", "final_sigmas_type": "sigma_min"},
        {"sigma_min": 0.01, "sigma_max": 20.0, "sigma_data": 1.0, "rho": 5.0},
    ]:
        for steps in [2, 7, 25]:
            yield "EDMEulerScheduler", config, steps, None
    for config, mu in [
        ({}, None),
        ({"shift": 3.0}, None),
        ({"shift": 3.0, "shift_terminal": 0.1}, None),
        ({"use_dynamic_shifting": True}, 0.8),
        ({"use_dynamic_shifting": True, "time_shift_type": "linear"}, 1.8),
        *[({"shift": 2.0, sigmas: True}, None) for sigmas in SIGMAS],
        ({"invert_sigmas": True}, None),
        ({"stochastic_sampling": True, "shift": 1.5}, None),
    ]:
        for steps in [2, 7, 25]:
            yield "FlowMatchEulerDiscreteScheduler", config, steps, mu
    for config in [{}, {"shift": 3.0}]:
        for steps in [1, 2, 7, 25]:
            yield "FlowMatchHeunDiscreteScheduler", config, steps, None
    for config, mu in [
        ({}, None),
        ({"shift": 3.0, "shift_terminal": 0.1}, None),
        ({"use_dynamic_shifting": True}, 0.8),
        ({"use_dynamic_shifting": True, "time_shift_type": "linear"}, 1.8),
        *[({"shift": 2.0, sigmas: True}, None) for sigmas in SIGMAS],
    ]:
        for steps in [2, 7, 25]:
            yield "FlowMatchLCMScheduler", config, steps, mu
    for config in [{}, {"sigma_data": 1.0}]:
        for steps in [1, 2, 3, 7, 25]:
            yield "SCMScheduler", config, steps, None
    for steps in [1, 2, 3, 4, 7, 25, 50]:
        yield "IPNDMScheduler", {}, steps, None
    for config in [
        {},
        {"correct_steps": 0},
        {"correct_steps": 3, "snr": 0.1},
        {"sigma_min": 0.1, "sigma_max": 50.0, "sampling_eps": 0.001},
    ]:
        for steps in [2, 7, 25]:
            yield "ScoreSdeVeScheduler", config, steps, None
    yield "IPNDMScheduler", {"trained_betas": [0.99, 0.9, 0.7, 0.5, 0.4, 0.2, 0.05]}, 6, None


def score_loop(config, steps):
    """One image: of several, diffusers takes the mean size of a corrector's step. The scores are those of N(0, 1)."""
    scheduler = diffusers.ScoreSdeVeScheduler(**config)
    scheduler.set_timesteps(steps)
    scheduler.set_sigmas(steps)
    generator = torch.manual_seed(0)
    sample = SAMPLE[:1] * scheduler.init_noise_sigma
    for t, sigma in zip(scheduler.timesteps, scheduler.sigmas):
        for _ in range(scheduler.config.correct_steps):
            sample = scheduler.step_correct(-sample / (1 + sigma**2), sample, generator=generator).prev_sample
        step = scheduler.step_pred(-sample / (1 + sigma**2), t, sample, generator=generator)
        sample = step.prev_sample
    end = step.prev_sample_mean.double()
    draws = steps * (1 + scheduler.config.correct_steps)
    return end.abs().sum().item(), (end * NOISE[:1]).sum().item(), draws


def loop(name, config, steps, mu):
    if name == "ScoreSdeVeScheduler":
        return score_loop(config, steps)
    known = DPMSolverSDEScheduler if name == "DPMSolverSDEScheduler" else getattr(diffusers, name)
    scheduler = known(**config)
    if name == "SCMScheduler":
        scheduler.set_timesteps(steps, intermediate_timesteps=1.3 if steps == 2 else None)
    else:
        scheduler.set_timesteps(steps, **({} if mu is None else {"mu": mu}))
    generator = torch.manual_seed(0)
    draws = 0

    def draw(*_):
        nonlocal draws
        draws += 1
        return torch.randn(SAMPLE.shape, generator=generator)

    module = sys.modules[type(scheduler).__module__]
    if name == "DPMSolverSDEScheduler":
        scheduler.noise_sampler = draw
    module.randn_tensor = lambda *args, **kwargs: draw()
    # The pipeline of SCMScheduler scales the noise, and does not call the model where the last step ends.
    sample = SAMPLE * (scheduler.config.get("sigma_data") if name == "SCMScheduler" else getattr(scheduler, "init_noise_sigma", 1.0))
    scale = getattr(scheduler, "scale_model_input", lambda x, t: x)
    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    for t in scheduler.timesteps[:-1] if name == "SCMScheduler" else scheduler.timesteps:
        model_input = scale(sample, t)
        output = model_input * t / (t + 1)
        extra = {"generator": generator} if takes_generator else {}
        sample = scheduler.step(output, t, sample, **extra).prev_sample
    sample = sample.double()
    return sample.abs().sum().item(), (sample * NOISE).sum().item(), draws


def main():
    here = Path(__file__).resolve().parents[2]
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else here / "test" / "fixtures" / "sigma_schedulers.json"
    rows = []
    for name, config, steps, mu in cases():
        try:
            abs_sum, dot, draws = loop(name, config, steps, mu)
        except NotImplementedError:
            continue  # diffusers does not support these prediction types here
        if not np.isfinite(abs_sum):
            print("not finite:", name, config, steps, file=sys.stderr)
            continue
        row = {"scheduler": name, "config": config, "steps": steps, "abs_sum": abs_sum, "dot": dot, "draws": draws}
        rows.append(row if mu is None else {**row, "mu": mu})
    out.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")
    print(len(rows), "rows")


main()
