"""FID, KID, precision, recall, density and coverage of small sets of features, by NumPy and SciPy.

    python metric_goldens.py ../../test/fixtures/metrics/statistics

writes statistics.safetensors (the features, float32) and statistics.json (the numbers, computed in float64).
The Frechet distance takes scipy.linalg.sqrtm of the product of the covariances, as pytorch-fid and clean-fid do.
"""

import json
import sys

import numpy
from safetensors.numpy import save_file
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

K = 3


def sets() -> dict[str, tuple[numpy.ndarray, numpy.ndarray]]:
    random = numpy.random.default_rng(0)

    def cloud(count: int, dims: int, scale: float, shift: float) -> numpy.ndarray:
        mix = random.standard_normal((dims, dims)) / dims**0.5
        spread = scale * 0.9 ** numpy.arange(dims)
        return ((random.standard_normal((count, dims)) * spread) @ mix + shift).astype(numpy.float32)

    base = cloud(150, 24, 2.0, 1.0)
    noise = random.standard_normal(base.shape).astype(numpy.float32)
    return {
        "other": (base, cloud(120, 24, 1.5, 1.2)),
        "noisy": (base, (base + 0.5 * noise)[:130]),
        "far": (cloud(60, 8, 1.0, 0.0), cloud(90, 8, 1.0, 40.0)),
        "large_mean": (cloud(200, 6, 0.01, 1000.0), cloud(200, 6, 0.012, 1000.0)),
    }


def frechet(a: numpy.ndarray, b: numpy.ndarray) -> float:
    sa, sb = numpy.cov(a, rowvar=False), numpy.cov(b, rowvar=False)
    shift = a.mean(axis=0) - b.mean(axis=0)
    root = sqrtm(sa @ sb)
    return float(shift @ shift + numpy.trace(sa) + numpy.trace(sb) - 2 * numpy.trace(root).real)


def kernel(a: numpy.ndarray, b: numpy.ndarray) -> float:
    """The unbiased estimate, with equally many images in both sets."""
    m = min(len(a), len(b))
    a, b = a[:m], b[:m]
    aa, bb, ab = ((x @ y.T / a.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within = sum(k.sum() - numpy.trace(k) for k in (aa, bb)) / (m * (m - 1))
    return float(within - 2 * ab.mean())


def neighbours(real: numpy.ndarray, generated: numpy.ndarray) -> dict[str, float]:
    radius = [numpy.sort(cdist(x, x), axis=1)[:, K] for x in (real, generated)]
    between = cdist(real, generated)
    in_real = between <= radius[0][:, None]
    return {
        "precision": float(in_real.any(axis=0).mean()),
        "recall": float((between <= radius[1][None, :]).any(axis=1).mean()),
        "density": float(in_real.sum(axis=0).mean() / K),
        "coverage": float(in_real.any(axis=1).mean()),
    }


def main(out: str) -> None:
    tensors, rows = {}, {}
    for name, (a, b) in sets().items():
        tensors[f"{name}.a"], tensors[f"{name}.b"] = a, b
        a, b = a.astype(numpy.float64), b.astype(numpy.float64)
        rows[name] = {
            "frechet": frechet(a, b),
            "kernel": kernel(a, b),
            **neighbours(a, b),
            "mean": a.mean(axis=0)[:4].tolist(),
            "covariance": numpy.cov(a, rowvar=False)[0, :4].tolist(),
        }
    save_file(tensors, f"{out}.safetensors")
    with open(f"{out}.json", "w") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
