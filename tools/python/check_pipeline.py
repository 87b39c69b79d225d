"""diffusers' side of the comparison: runs the UNet of a saved pipeline on given inputs, or makes a pipeline to read.

    python check_pipeline.py predict FOLDER --input in.safetensors --out out.safetensors
    python check_pipeline.py make FOLDER --config unet.json [--scheduler scheduler.json] [--seed 0] [--dtype fp16] [--shards 3]

predict: in.safetensors has `sample` [N, C, H, W] float32, `timestep` [N] (whole or real numbers) and, for models with
classes, `class_labels` [N]. out.safetensors gets `output` [N, C, H, W] float32.
make: a UNet2DModel with random weights and a DDPMScheduler, saved by diffusers; fp16 saves the weights in half
precision (under the variant name fp16), --shards splits them into about that many files. The
float32 weights that a reader should get are saved beside them, in expected.safetensors.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file


def predict(args: argparse.Namespace) -> None:
    index = json.loads((Path(args.folder) / "model_index.json").read_text())
    if index["_class_name"] != "DDPMPipeline":
        sys.exit(f"{args.folder} holds a {index['_class_name']}, where a DDPMPipeline was expected")
    pipeline = DDPMPipeline.from_pretrained(args.folder, variant=args.variant)
    unet = pipeline.unet.float().eval()
    inputs = load_file(args.input)
    with torch.no_grad():
        output = unet(inputs["sample"], inputs["timestep"], class_labels=inputs.get("class_labels")).sample
    save_file({"output": output.contiguous()}, args.out, metadata={"format": "pt"})
    print(json.dumps({"unet": type(unet).__name__, "scheduler": type(pipeline.scheduler).__name__,
                      "shape": list(output.shape), "norm": output.norm().item()}))


def make(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    unet = UNet2DModel.from_config(json.loads(Path(args.config).read_text()))
    with torch.no_grad():  # norms start at 1 and 0 and biases are small: make every tensor worth comparing
        for parameter in unet.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    variant = None
    if args.dtype == "fp16":
        unet = unet.half()
        variant = "fp16"
    settings = json.loads(Path(args.scheduler).read_text()) if args.scheduler else {}
    pipeline = DDPMPipeline(unet=unet, scheduler=DDPMScheduler.from_config(settings))
    size = sum(tensor.numel() * tensor.element_size() for tensor in unet.state_dict().values())
    shard_bytes = size if args.shards == 1 else -(-size // args.shards)
    pipeline.save_pretrained(args.folder, variant=variant, max_shard_size=shard_bytes)
    expected = {name: tensor.float().contiguous() for name, tensor in unet.state_dict().items()}
    save_file(expected, Path(args.folder) / "expected.safetensors", metadata={"format": "pt"})
    files = sorted(str(path.relative_to(args.folder)) for path in Path(args.folder).rglob("*") if path.is_file())
    print(json.dumps({"parameters": unet.num_parameters(), "files": files}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("predict", help="run the UNet of a pipeline")
    command.add_argument("folder")
    command.add_argument("--input", required=True)
    command.add_argument("--out", required=True)
    command.add_argument("--variant")
    command.set_defaults(run=predict)
    command = commands.add_parser("make", help="save a pipeline with random weights")
    command.add_argument("folder")
    command.add_argument("--config", required=True)
    command.add_argument("--scheduler")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--dtype", choices=["fp32", "fp16"], default="fp32")
    command.add_argument("--shards", type=int, default=1)
    command.set_defaults(run=make)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
