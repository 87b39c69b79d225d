// The noise that diffusers' pipelines draw with torch's CPU generator: one draw for all images at a time, first what
// sampling starts from, then what its steps add. So an image depends on how many are drawn with it.

import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { TorchGenerator } from "../engine/random/torch_generator.ts";
import { type NoiseSource, torchNoise } from "../schedulers/index.ts";

/**
 * The share of the images `firstImage`, `firstImage` + 1, ... in the noise of `count` images. Places past the last image
 * are zeros.
 * @param seed as torch.Generator.manual_seed takes it
 */
export function torchImageNoise(seed: number | bigint, count: number, firstImage = 0): NoiseSource {
  const source = torchNoise(new TorchGenerator(seed));
  return {
    randn(shape): HostTensor {
      const image = shape.slice(1);
      const all = source.randn([count, ...image]);
      const out = new Float32Array(numel(shape));
      const start = firstImage * numel(image);
      out.set(all.data.subarray(start, start + out.length));
      return hostTensor(out, shape);
    },
  };
}
