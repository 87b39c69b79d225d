"""Weights trained by torch.optim.Muon, of which learning rates match those of AdamW.

    python muon_goldens.py > test/fixtures/muon.json

torch orthogonalizes in bfloat16. Here all is computed twice: as torch does, and ("exact") in float64 throughout, by the
same code of torch with `bfloat16` replaced by a copy. Weights and gradients are [out, in] or [out, in, kh, kw], float32,
made by a formula that the test repeats; torch sees a filter as [out, in * kh * kw].
"""

import json
import math

import torch

OPTIONS = {"lr": 0.02, "weight_decay": 0.1, "momentum": 0.9}
STEPS = 3
SHAPES = [[3, 11], [11, 3], [6, 6], [1, 5], [4, 3, 3, 3], [12, 2, 1, 1], [5, 2, 3, 2]]

def numbers(seed: int, shape: list[int]) -> torch.Tensor:
    values = [math.sin(1.7 * k * k + 0.3 * k + seed) for k in range(math.prod(shape))]
    return torch.tensor(values, dtype=torch.float64).reshape(shape).float()

def train(shape: list[int], dtype: torch.dtype) -> list[float]:
    weight = torch.nn.Parameter(numbers(0, shape).reshape(shape[0], -1).to(dtype))
    optimizer = torch.optim.Muon([weight], nesterov=True, adjust_lr_fn="match_rms_adamw", **OPTIONS)
    for step in range(STEPS):
        weight.grad = numbers(step + 1, shape).reshape(shape[0], -1).to(dtype)
        optimizer.step()
    return [float(f"{x:.9g}") for x in weight.detach().flatten().tolist()]

rows = [{"shape": shape, "torch": train(shape, torch.float32)} for shape in SHAPES]
torch.Tensor.bfloat16 = torch.Tensor.clone
for row in rows:
    row["exact"] = train(row["shape"], torch.float64)

print("{" + f'"torch": "{torch.__version__}", "options": {json.dumps(OPTIONS)}, "steps": {STEPS}, "rows": [')
print(",\n".join(json.dumps(row) for row in rows))
print("]}")
