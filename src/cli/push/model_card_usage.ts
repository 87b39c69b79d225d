// The usage section of a model's card, for both libraries.

import type { RunConfig } from "../../training/run/run_folder.ts";
import { shellWord } from "../wording.ts";

/** Number of classes in an example. */
const SHOWN = 2;

export function usage(id: string, config: RunConfig): string[] {
  const { scheduler, data, training } = config;
  const isDdpm = scheduler._class_name === "DDPMScheduler";
  const steps = isDdpm ? 50 : 25;
  const shown = data.classes?.slice(0, SHOWN);
  // Where the pipeline's folder says how it is best drawn, only Python has to be told. DDPM's own fresh noise serves
  // there, in few steps.
  const isTold = training.sampleScheduler !== null;
  const usesDdim = isDdpm && !isTold;
  const chosen = isTold ? "" : `, steps: ${steps}${usesDdim ? ', scheduler: "ddim"' : ""}`;
  const stepsFlag = isTold ? "" : ` --steps ${steps}`;
  const classes = shown ? `, classLabels: ${JSON.stringify(shown)}, guidanceScale: 2` : "";
  const flags = shown ? ` --class ${shellWord(shown.join(","))} --guidance 2` : "";
  return [
    "## Use",
    "",
    "With Imago, in a shell:",
    "",
    "```",
    `npx imago sample hf:${id} --count 16${stepsFlag}${flags} --out new.png`,
    "```",
    "",
    ...(data.classes ? [`It draws of ${data.classes.length} classes: ${data.classes.join(", ")}.`, ""] : []),
    "In TypeScript:",
    "",
    "```ts",
    'import { DDPMPipeline, imageGrid, toImages, writeImage } from "imago";',
    "",
    `const pipeline = await DDPMPipeline.fromPretrained("${id}");`,
    `const images = await pipeline.generate({ count: 16${chosen}${classes} });`,
    'await writeImage("new.png", imageGrid(toImages(images)));',
    "await pipeline.close();",
    "```",
    "",
    "In Python, with diffusers:",
    "",
    "```python",
    ...(shown ? classLoop(id, usesDdim, steps, config) : pipelineCall(id, usesDdim, steps, config)),
    "```",
  ];
}

/** The lines that load the pipeline. */
function loaded(id: string, usesDdim: boolean, { codec }: RunConfig): string[] {
  const plain = usesDdim ? "DDIMPipeline" : "DDPMPipeline";
  if (codec === undefined) {
    return [`from diffusers import ${plain}`, "", `pipeline = ${plain}.from_pretrained("${id}")`];
  }
  const classes = usesDdim ? "DDIMScheduler, DiffusionPipeline" : "DiffusionPipeline";
  return [
    `from diffusers import ${classes}`,
    "",
    `pipeline = DiffusionPipeline.from_pretrained("${id}", trust_remote_code=True)  # runs pipeline.py`,
    ...(usesDdim ? ["pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)"] : []),
  ];
}

function pipelineCall(id: string, usesDdim: boolean, steps: number, config: RunConfig): string[] {
  return [
    ...loaded(id, usesDdim, config),
    `pipeline(batch_size=4, num_inference_steps=${steps}).images[0].save("new.png")`,
  ];
}

/** diffusers' pipelines of UNet2DModel do not pass on classes. */
function classLoop(id: string, usesDdim: boolean, steps: number, config: RunConfig): string[] {
  const { model, codec } = config;
  const { sample_size: side } = model;
  const shape = [4, model.in_channels, ...(Array.isArray(side) ? side : [side, side])];
  const patchSize = codec?.patch_size;
  return [
    "import torch",
    ...loaded(id, usesDdim, config),
    `pipeline.scheduler.set_timesteps(${steps})`,
    `x = torch.randn(${shape.join(", ")})`,
    "labels = torch.tensor([0, 0, 1, 1])  # the number of a class is its place in the list",
    "for t in pipeline.scheduler.timesteps:",
    "    with torch.no_grad():",
    "        output = pipeline.unet(x, t, class_labels=labels).sample",
    "    x = pipeline.scheduler.step(output, t, x).prev_sample",
    ...(patchSize === undefined ? [] : [`x = torch.nn.functional.pixel_shuffle(x, ${String(patchSize)})`]),
    "images = pipeline.numpy_to_pil((x / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())",
  ];
}
