// Adds noise to a picture, and asks the model what the clean one was.

import { type Channels, type GeneratedStep, type Sampler, synthetic } from "imago";
import type { DrawRequest, Noised } from "../messages.ts";
import { withoutPrompts } from "./drawer.ts";
import type { Model } from "./model.ts";
import { channelsOf, picturesOf, pixelsOf, tensorOf } from "./pictures.ts";
import { sayStep } from "./say.ts";

export async function drawNoised(
  model: Model,
  { seed }: DrawRequest,
  { picture, level }: Noised,
  signal: AbortSignal,
): Promise<void> {
  const pipeline = withoutPrompts(model);
  const { width, height, channels } = pipeline.imageSize;
  const drawable = channelsOf(channels);
  const image = picture === null ? butterfly(width, height, drawable) : pixelsOf(picture);
  if (image.width !== width || image.height !== height) {
    throw new Error(`the picture is ${image.width} x ${image.height}; this model's are ${width} x ${height}`);
  }
  const { data: clean } = await pipeline.codec.encode(tensorOf(image, drawable), model.backend);
  // One step that is none: noise is added, the model is asked, and its answer is what is drawn.
  const asking: Sampler = {
    ...{ name: "asking", config: {} },
    *draw(diffusion, run) {
      const timestep = Math.round(level * (diffusion.numTrainTimesteps - 1));
      const { alpha, sigma } = diffusion.level(timestep, "vp");
      const noise = run.randn();
      const sample = clean.map((value, i) => alpha * value + sigma * noise[i]);
      const predOriginalSample = yield* diffusion.originalSample(sample, { alpha, sigma });
      run.report({
        ...{ timestep, nextTimestep: -1, noise: 0, correctorNoise: [], error: null, rejected: 0, share: 1 },
        ...{ sample, predOriginalSample },
      });
      return predOriginalSample;
    },
  };
  const answers: GeneratedStep[] = [];
  await pipeline.generate({
    ...{ scheduler: asking, count: 1, seed, signal },
    onImageStep: (answer) => answers.push(answer),
  });
  for (const { sample, predOriginalSample } of answers) {
    const [noisy, believed] = [sample, predOriginalSample].map((latents) => picturesOf(pipeline, latents));
    sayStep({ step: 1, steps: 1, pictures: await noisy, clean: await believed });
  }
}

function butterfly(width: number, height: number, channels: Channels) {
  const images = synthetic({ size: { width, height }, channels });
  return { ...images.size, channels, data: images.image(0) };
}
