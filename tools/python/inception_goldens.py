"""Features of pytorch-fid's Inception network with random weights, by both usual protocols.

    pip install --no-deps pytorch-fid==0.3.0 clean-fid==0.1.35 torchvision==0.29.2 pillow
    python inception_goldens.py test/fixtures/metrics/inception.safetensors

The network is pytorch-fid's own, with 16 times fewer channels (--full: the whole network, 90 MB, for a check by hand).
Its batch norms have the statistics of a batch of noise, so that features neither vanish nor explode. Images are
computed by a formula that the test repeats.
"""

import sys

import numpy
import torch
import torchvision
from cleanfid.resize import build_resizer
from pytorch_fid import inception as fid
from safetensors.torch import save_file

SIZES = [(32, 32), (20, 45), (299, 299), (310, 400)]


def image(height: int, width: int) -> numpy.ndarray:
    row, column, channel = numpy.mgrid[0:height, 0:width, 0:3]
    waves = numpy.floor(127.5 + 80 * numpy.sin(row / 5 + channel) * numpy.cos(column / 7))
    return (waves + (row * 37 + column * 11 + channel * 53) % 40).astype(numpy.uint8)


def network(divisor: int) -> torch.nn.Module:
    wide = torchvision.models.inception.BasicConv2d

    class Narrow(wide):
        def __init__(self, in_channels: int, out_channels: int, **options) -> None:
            super().__init__(in_channels if in_channels == 3 else in_channels // divisor, out_channels // divisor,
                             **options)

    torchvision.models.inception.BasicConv2d = Narrow
    fid.load_state_dict_from_url = lambda *_, **__: None
    load, torch.nn.Module.load_state_dict = torch.nn.Module.load_state_dict, lambda *_, **__: None
    torch.manual_seed(0)
    whole = fid.fid_inception_v3()
    fid.fid_inception_v3 = lambda: whole
    model = fid.InceptionV3()
    torch.nn.Module.load_state_dict = load
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, 0.0, 0.3)
    model.train()
    with torch.no_grad():
        model(torch.rand(6, 3, 299, 299))
    return model.eval(), whole


def main(out: str, divisor: int) -> None:
    model, whole = network(divisor)
    tensors = {name: tensor for name, tensor in whole.state_dict().items()
               if not name.startswith(("fc.", "AuxLogits.")) and not name.endswith("num_batches_tracked")}
    resize = build_resizer("clean")
    bare = torch.nn.Sequential(*model.blocks)
    with torch.no_grad():
        for height, width in SIZES:
            pixels = image(height, width)
            planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
            clean = torch.from_numpy(resize(pixels)).permute(2, 0, 1)[None]
            tensors[f"features.pytorch-fid.{height}x{width}"] = model(planes / 255)[0][0, :, 0, 0]
            tensors[f"features.clean-fid.{height}x{width}"] = bare((clean - 128) / 128)[0, :, 0, 0]
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, out)


if __name__ == "__main__":
    main(sys.argv[1], 1 if "--full" in sys.argv else 16)
