// The codec of latent diffusion (Rombach et al. 2022): an autoencoder's network turns images into small latents and
// back, on the backend that a call computes on; image by image and in tiles where that is asked for or costs nothing.

import type { Backend } from "../engine/backend.ts";
import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import { MODEL_CONFIG, writeConfig } from "../io/diffusers_folder.ts";
import { type WriteStateDictOptions, writeStateDict } from "../io/state_dict.ts";
import { AutoencoderKL } from "../models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../models/autoencoder_tiny.ts";
import { VQModel } from "../models/vq_model.ts";
import { type Autoencoder, AutoencoderPrograms } from "./autoencoder_programs.ts";
import type { Codec, ImageSize } from "./codec.ts";
import { inTiles, isDivided } from "./tiles.ts";

export type { Autoencoder };

/** The codec of an autoencoder. */
export interface AutoencoderCodec extends Codec {
  /** The network. */
  readonly model: Autoencoder;
}

/** The network of a codec that has one; undefined for other codecs. */
export function autoencoderOf(codec: Codec): Autoencoder | undefined {
  const model = "model" in codec ? codec.model : undefined;
  const isKnown =
    model instanceof AutoencoderKL || model instanceof AutoencoderTiny || model instanceof VQModel;
  return isKnown ? model : undefined;
}

/** Its subfolder in a pipeline's folder. */
export const VAE = "vae";

/**
 * The codec of an autoencoder with its weights. Latents are as a diffusion model sees them: for AutoencoderKL the mean
 * of the distribution, shifted and scaled as its config says; for VQModel scaled, and replaced by those of its table
 * when they are decoded.
 */
export function autoencoder(model: Autoencoder): AutoencoderCodec {
  const { sizeFactor, className } = model;
  const { inChannels, outChannels } = model.config;
  const latentChannels = model instanceof VQModel ? model.latentChannels : model.config.latentChannels;
  const all = new WeakMap<Backend, AutoencoderPrograms>();
  const programsOn = (backend: Backend): AutoencoderPrograms => {
    const programs = all.get(backend) ?? new AutoencoderPrograms(model, backend);
    all.set(backend, programs);
    return programs;
  };
  return {
    model,
    saved: {
      className,
      config: model.toConfig(),
      components: [
        {
          name: VAE,
          library: "diffusers",
          className,
          save: (folder, weights) => saveAutoencoder(folder, model, weights),
        },
      ],
    },
    keepsValues: false,
    latentSize({ height, width, channels }: ImageSize): ImageSize {
      if (channels !== inChannels) {
        throw new RangeError(`images of ${channels} channels do not fit an ${className} for ${inChannels}`);
      }
      if (height % sizeFactor !== 0 || width % sizeFactor !== 0) {
        throw new RangeError(
          `images of ${width} x ${height} do not fit an ${className}; use a size that is a multiple of ${sizeFactor}`,
        );
      }
      return { height: height / sizeFactor, width: width / sizeFactor, channels: latentChannels };
    },
    imageSize({ height, width, channels }: ImageSize): ImageSize {
      if (channels !== latentChannels) {
        throw new RangeError(
          `a model of ${channels} channels does not see the ${latentChannels} channels of the ${className}'s latents`,
        );
      }
      return { height: height * sizeFactor, width: width * sizeFactor, channels: outChannels };
    },
    encode: (images, backend) => encode(model, programsOn(backend), [images]),
    ...(model instanceof AutoencoderKL && {
      encodeSample: (images, noise, backend) => encode(model, programsOn(backend), [images, noise]),
      division: model,
    }),
    decode: (latents, backend) => decode(model, programsOn(backend), latents),
  };
}

/** @param given images, and noise for a distribution, to draw from it */
async function encode(
  model: Autoencoder,
  programs: AutoencoderPrograms,
  given: readonly HostTensor[],
): Promise<HostTensor> {
  const isKL = model instanceof AutoencoderKL;
  if (isKL && model.useTiling && isDivided(given[0], model.tiles.images)) {
    const { images, latents } = model.tiles;
    return oneByOne(given, async ([image, ...noise]) => {
      const moments = await inTiles(image, images, latents, (tiles) => programs.runOnce("moments", tiles));
      return programs.run("latents", [moments, ...noise]);
    });
  }
  const together = (values: readonly HostTensor[]) => programs.run("encode", values);
  return isKL && model.useSlicing ? oneByOne(given, together) : together(given);
}

/** Image by image, which gives the same bits as all together and needs less memory. */
function decode(model: Autoencoder, programs: AutoencoderPrograms, batch: HostTensor): Promise<HostTensor> {
  return oneByOne([batch], async ([latents]) => {
    if (model instanceof AutoencoderKL && model.useTiling && isDivided(latents, model.tiles.latents)) {
      const { tiles } = model;
      return inTiles(latents, tiles.latents, tiles.images, (all) => programs.runOnce("decode", all));
    }
    return programs.run("decode", [latents]);
  });
}

/** Computes each image of a batch for itself. @param given [N, ...] each */
async function oneByOne(
  given: readonly HostTensor[],
  compute: (one: readonly HostTensor[]) => Promise<HostTensor>,
): Promise<HostTensor> {
  const [count] = given[0].shape;
  if (count === 1) return compute(given);
  const results: HostTensor[] = [];
  for (let k = 0; k < count; k++) results.push(await compute(given.map((all) => imageOf(all, k))));
  const [, ...shape] = results[0].shape;
  const size = numel(shape);
  const data = new Float32Array(count * size);
  for (const [k, result] of results.entries()) data.set(result.data, k * size);
  return hostTensor(data, [count, ...shape]);
}

/** [N, ...] -> [1, ...]. */
function imageOf({ data, shape: [, ...shape] }: HostTensor, k: number): HostTensor {
  const size = numel(shape);
  return hostTensor(data.subarray(k * size, (k + 1) * size), [1, ...shape]);
}

async function saveAutoencoder(
  folder: string,
  model: Autoencoder,
  weights?: WriteStateDictOptions,
): Promise<void> {
  await writeConfig(folder, MODEL_CONFIG, model.className, model.toConfig(), model.floatKeys);
  await writeStateDict(folder, model.weightSources(), weights);
}
