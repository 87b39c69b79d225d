"""Sampling loops of diffusers' solvers in lambda, over their options: writes test/fixtures/solvers.json.

    python tools/python/solver_goldens.py > test/fixtures/solvers.json

The sample, the "model" and the loop are those of diffusers' own scheduler tests, without scaling. Needs torch, diffusers
and scipy (for beta sigmas).
"""

import inspect
import json
import math
import sys
import warnings

import torch

warnings.simplefilter("ignore")

from diffusers.schedulers.scheduling_deis_multistep import DEISMultistepScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep_inverse import DPMSolverMultistepInverseScheduler
from diffusers.schedulers.scheduling_dpmsolver_singlestep import DPMSolverSinglestepScheduler
from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_sasolver import SASolverScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

SIZE = 3 * 8 * 8 * 4
COSINE = {"beta_schedule": "squaredcos_cap_v2"}

# For all but EDM's.
SHARED = [
    ({}, 10),
    ({}, 7),
    ({}, 25),
    ({"solver_order": 1}, 10),
    ({"solver_order": 3}, 10),
    ({"solver_order": 3}, 25),
    ({"solver_order": 3, "lower_order_final": False, "final_sigmas_type": "sigma_min"}, 12),
    ({"final_sigmas_type": "sigma_min"}, 10),
    ({"timestep_spacing": "leading", "steps_offset": 1}, 10),
    ({"timestep_spacing": "trailing"}, 7),
    ({"prediction_type": "sample"}, 10),
    ({"prediction_type": "v_prediction"}, 10),
    ({"thresholding": True, "sample_max_value": 2.0, "dynamic_thresholding_ratio": 0.9}, 10),
    ({"use_karras_sigmas": True}, 10),
    ({"use_exponential_sigmas": True}, 10),
    ({"use_beta_sigmas": True}, 10),
    ({"use_flow_sigmas": True, "prediction_type": "flow_prediction"}, 10),
    ({"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": 3.0}, 25),
    ({"use_flow_sigmas": True}, 10),
    ({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "use_karras_sigmas": True}, 20),
    ({**COSINE, "lambda_min_clipped": -5.1}, 10),
    ({**COSINE, "lambda_min_clipped": -5.1, "timestep_spacing": "trailing"}, 10),
]
SHIFTED = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "use_dynamic_shifting": True, "mu": 1.2}

DPM = [
    ({"algorithm_type": algorithm, "solver_type": solver, "solver_order": order, "final_sigmas_type": "sigma_min"}, 10)
    for algorithm in ("dpmsolver", "dpmsolver++", "sde-dpmsolver", "sde-dpmsolver++")
    for solver in ("midpoint", "heun")
    for order in (2, 3)
    if order == 2 or not algorithm.startswith("sde")
]
NOISE = {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"}

ROWS = {
    DPMSolverMultistepScheduler: SHARED
    + DPM
    + [
        ({"use_lu_lambdas": True}, 10),
        ({"variance_type": "learned_range"}, 10),
        ({**COSINE, "use_karras_sigmas": True}, 10),
        ({"euler_at_final": True, "final_sigmas_type": "sigma_min"}, 25),
        ({"algorithm_type": "sde-dpmsolver++"}, 20),
        ({**NOISE, "prediction_type": "v_prediction"}, 10),
        ({**NOISE, "prediction_type": "sample"}, 10),
        ({**NOISE, "thresholding": True}, 10),
        ({"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 10),
        ({}, [900, 700, 400, 300, 50, 0]),
        (SHIFTED, 10),
    ],
    DPMSolverMultistepInverseScheduler: [row for row in SHARED if "use_flow_sigmas" not in row[0]]
    + [
        ({"algorithm_type": algorithm, "solver_type": solver, "solver_order": order}, 10)
        for algorithm in ("dpmsolver", "dpmsolver++")
        for solver in ("midpoint", "heun")
        for order in (2, 3)
    ]
    + [
        ({"solver_order": 3, "lower_order_final": False, "timestep_spacing": spacing}, steps)
        for spacing in ("linspace", "leading", "trailing")
        for steps in (2, 12)
    ]
    + [
        ({"variance_type": "learned_range"}, 10),
        ({"euler_at_final": True}, 25),
        ({"thresholding": True, "sample_max_value": 2.0, "prediction_type": "sample"}, 10),
        ({"algorithm_type": "dpmsolver", "prediction_type": "v_prediction"}, 10),
        ({"algorithm_type": "dpmsolver", "prediction_type": "sample"}, 10),
        ({"algorithm_type": "dpmsolver", "thresholding": True, "prediction_type": "sample"}, 10),
    ],
    DPMSolverSinglestepScheduler: SHARED
    + [({"variance_type": "learned_range"}, 10)]
    + [row for row in DPM if row[0]["algorithm_type"] != "sde-dpmsolver"]
    + [
        ({"solver_order": 3, "solver_type": "heun"}, 9),
        ({"solver_order": 3, "solver_type": "heun"}, 11),
        ({"lower_order_final": True, "final_sigmas_type": "sigma_min"}, 10),
        ({**NOISE, "prediction_type": "v_prediction"}, 10),
        ({}, [900, 700, 400, 300, 50, 0]),
        (SHIFTED, 10),
    ],
    DEISMultistepScheduler: SHARED + [({"lower_order_final": False}, 10), (SHIFTED, 10)],
    UniPCMultistepScheduler: SHARED
    + [
        ({"solver_type": solver, "solver_order": order, "predict_x0": predict_x0, "final_sigmas_type": "sigma_min"}, 10)
        for solver in ("bh1", "bh2")
        for order in (1, 2, 3, 4)
        for predict_x0 in (True, False)
    ]
    + [
        ({"disable_corrector": [0, 3]}, 10),
        ({"use_karras_sigmas": True, "sigma_min": 0.03, "sigma_max": 50.0}, 10),
        ({"use_karras_sigmas": True, "use_flow_sigmas": True, "prediction_type": "flow_prediction"}, 10),
        ({"use_flow_sigmas": True, "prediction_type": "flow_prediction", "shift_terminal": 0.1, "flow_shift": 2.0}, 10),
        ({"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"}, 10),
        (SHIFTED, 10),
        ({**SHIFTED, "time_shift_type": "linear"}, 10),
    ],
    SASolverScheduler: SHARED
    + [
        ({"predictor_order": predictor, "corrector_order": corrector, "algorithm_type": algorithm}, 10)
        for predictor, corrector in ((1, 1), (1, 2), (2, 1), (3, 2), (2, 3), (3, 4), (4, 4))
        for algorithm in ("data_prediction", "noise_prediction")
    ]
    + [({"lower_order_final": False, "predictor_order": 3}, 10)],
    EDMDPMSolverMultistepScheduler: [
        ({}, 10),
        ({}, 25),
        ({"sigma_schedule": "exponential"}, 10),
        ({"solver_order": 3}, 25),
        ({"solver_order": 1}, 10),
        ({"solver_type": "heun"}, 10),
        ({"algorithm_type": "sde-dpmsolver++"}, 10),
        ({"prediction_type": "v_prediction", "euler_at_final": True, "final_sigmas_type": "sigma_min"}, 20),
    ],
}


def model(sample, t, doubled):
    output = sample * t / (t + 1)
    return torch.cat([output, output], dim=1) if doubled else output


def row(cls, options, steps):
    known = inspect.signature(cls.__init__).parameters
    config = {key: value for key, value in options.items() if key in known}
    if set(options) - set(config) - {"mu"}:
        return None
    scheduler = cls(**config)
    mu = {"mu": options["mu"]} if "mu" in options else {}
    if isinstance(steps, list):
        scheduler.set_timesteps(timesteps=steps)
    else:
        scheduler.set_timesteps(steps, **mu)
    scheduler.sigmas = scheduler.sigmas.double()  # so that small steps lose no digits
    generator = torch.Generator().manual_seed(0)
    draws = {"generator": generator} if "generator" in inspect.signature(scheduler.step).parameters else {}
    sample = (torch.arange(SIZE).reshape(3, 8, 8, 4) / SIZE).permute(3, 0, 1, 2)
    timesteps = scheduler.timesteps
    if cls is DPMSolverMultistepInverseScheduler:
        if len(timesteps) != steps:
            print(f"repeated timesteps: {options} {steps}", file=sys.stderr)
            return None
    else:
        scheduler.set_begin_index(0)  # where rounded timesteps repeat at the start, diffusers would skip the first
    for t in timesteps:
        output = model(sample, t, "variance_type" in config)
        sample = scheduler.step(output, t, sample, **draws).prev_sample
    total = sample.abs().sum().double().item()
    if not math.isfinite(total):
        print(f"not finite: {cls.__name__} {options} {steps}", file=sys.stderr)
        return None
    return {
        "scheduler": cls.__name__,
        "config": {key: str(value) if value == -math.inf else value for key, value in config.items()},
        **mu,
        "steps": steps,
        "timesteps": [t.item() for t in timesteps],
        "last_sigma": scheduler.sigmas[-2].item(),
        "abs_sum": sample.double().abs().sum().item(),
        "values": sample.flatten()[::191].tolist(),
    }


rows = [row(cls, options, steps) for cls, cases in ROWS.items() for options, steps in cases]
lines = ",\n".join(" " + json.dumps(one) for one in rows if one is not None)
print(f"[\n{lines}\n]")
