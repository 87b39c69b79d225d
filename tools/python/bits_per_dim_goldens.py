"""The variational bound of the tiny UNet of diffusers' pipeline tests, in float64 from the model's float32 output.

    python bits_per_dim_goldens.py > test/fixtures/metrics/bits_per_dim.json

Weights are torch's for seed 0; images are computed by a formula that the test repeats; noise is torch's, [2, 3, 8, 8] for
each timestep from 0 up. Each row holds the options, the bits of each timestep and of the prior, and their sum.
"""

import json

import numpy
import torch
from diffusers import DDPMScheduler, UNet2DModel
from scipy.special import log_ndtr

SIDE, COUNT, STEPS = 8, 2, 25
ROWS = [
    {"prediction_type": "epsilon", "variance_type": "fixed_small", "clip_sample": True},
    {"prediction_type": "epsilon", "variance_type": "fixed_large", "clip_sample": False},
    {"prediction_type": "v_prediction", "variance_type": "fixed_small", "clip_sample": False},
]


def tiny_unet() -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(sample_size=SIDE, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=4,
                       down_block_types=("DownBlock2D", "AttnDownBlock2D"),
                       up_block_types=("AttnUpBlock2D", "UpBlock2D")).eval()


def images() -> torch.Tensor:
    levels = (numpy.arange(COUNT * SIDE * SIDE * 3) * 37 % 256).astype(numpy.float32)
    return torch.from_numpy(levels.reshape(COUNT, SIDE, SIDE, 3) / 127.5 - 1).permute(0, 3, 1, 2)


def log_level(x: numpy.ndarray, mean: numpy.ndarray, sigma: float) -> numpy.ndarray:
    """log(Phi(above) - Phi(below)), with open ends at black and white, taken in the lower tail."""
    above = numpy.where(x > 0.999, numpy.inf, (x + 1 / 255 - mean) / sigma)
    below = numpy.where(x < -0.999, -numpy.inf, (x - 1 / 255 - mean) / sigma)
    low, high = numpy.where(below > 0, -above, below), numpy.where(below > 0, -below, above)
    return log_ndtr(high) + numpy.log(-numpy.expm1(log_ndtr(low) - log_ndtr(high)))


def bound(row: dict) -> dict:
    scheduler = DDPMScheduler(num_train_timesteps=STEPS, beta_start=0.002, beta_end=0.35, **row)
    scheduler.set_timesteps(STEPS)
    model, x0 = tiny_unet(), images()
    generator = torch.Generator("cpu").manual_seed(7)
    cumulated = scheduler.alphas_cumprod.double().numpy()
    betas = scheduler.betas.double().numpy()
    original = x0.double().numpy()
    terms = []
    for t in range(STEPS):
        noise = torch.randn(x0.shape, generator=generator)
        xt = scheduler.add_noise(x0, noise, torch.full((COUNT,), t))
        with torch.no_grad():
            output = model(xt, t).sample
        predicted = scheduler.step(output, t, xt).pred_original_sample.double().numpy()
        sample = xt.double().numpy()
        before = cumulated[t - 1] if t > 0 else 1.0
        from_original = before**0.5 * betas[t] / (1 - cumulated[t])
        from_sample = (1 - betas[t]) ** 0.5 * (1 - before) / (1 - cumulated[t])
        at = max(t, 1)
        posterior = (1 - cumulated[at - 1]) / (1 - cumulated[at]) * betas[at]
        mean = from_original * predicted + from_sample * sample
        if t == 0:
            nats = -log_level(original, mean, posterior**0.5).mean()
        else:
            own = posterior if row["variance_type"] == "fixed_small" else betas[t]
            true = from_original * original + from_sample * sample
            nats = (0.5 * (numpy.log(own / posterior) - 1 + posterior / own + (true - mean) ** 2 / own)).mean()
        terms.append(float(nats / numpy.log(2)))
    left = 1 - cumulated[-1]
    prior = float((0.5 * (left - 1 - numpy.log(left) + cumulated[-1] * original**2)).mean() / numpy.log(2))
    return {**row, "prior": prior, "terms": terms, "total": prior + sum(terms)}


if __name__ == "__main__":
    print("[\n" + ",\n".join(json.dumps(bound(row)) for row in ROWS) + "\n]")
