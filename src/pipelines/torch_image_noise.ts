// The noise that diffusers' pipelines draw with torch's CPU generator: one draw for all images at once, first the
// initial noise, then that of the steps. So an image depends on the number of images drawn with it.

import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { TorchGenerator } from "../engine/random/torch_generator.ts";
import { torchNoise } from "../schedulers/index.ts";
import type { DrawnNoise } from "./image_noise.ts";

/**
 * The part for the images `firstImage`, `firstImage` + 1, ... of the noise for `count` images. Positions after the last
 * image are zeros. `shared` draws what is not for these images, such as latents of an image that all start from.
 * @param seed as in torch.Generator.manual_seed
 * @param ofSteps how many times the images the draws after the first are for, of which these are the first
 */
export function torchImageNoise(
  seed: number | bigint,
  count: number,
  firstImage = 0,
  ofSteps = 1,
): Required<DrawnNoise> {
  const source = torchNoise(new TorchGenerator(seed));
  let rows = count;
  return {
    randn(shape): HostTensor {
      const image = shape.slice(1);
      const all = source.randn([rows, ...image]);
      rows = ofSteps * count;
      const out = new Float32Array(numel(shape));
      const start = firstImage * numel(image);
      out.set(all.data.subarray(start, start + out.length));
      return hostTensor(out, shape);
    },
    shared: (shape) => source.randn(shape),
  };
}
