// The codec of latent diffusion (Rombach et al. 2022): an autoencoder's network turns images into small latents and
// back. It is compiled for each size of batch, on the backend that a call computes on.

import type { Backend, Executable } from "../engine/backend.ts";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import type { Shape } from "../engine/shape.ts";
import { input, type Tensor } from "../engine/tensor.ts";
import { MODEL_CONFIG, writeConfig } from "../io/diffusers_folder.ts";
import { type WriteStateDictOptions, writeStateDict } from "../io/state_dict.ts";
import { AutoencoderKL } from "../models/autoencoder_kl.ts";
import { AutoencoderTiny } from "../models/autoencoder_tiny.ts";
import { VQModel } from "../models/vq_model.ts";
import type { Codec, ImageSize } from "./codec.ts";

/** The autoencoders that can be a codec. */
export type Autoencoder = AutoencoderKL | AutoencoderTiny | VQModel;

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

type Direction = "encode" | "encode a sample" | "decode";

/**
 * The codec of an autoencoder with its weights. Latents are as a diffusion model sees them: for AutoencoderKL the mean
 * of the distribution, shifted and scaled as its config says; for VQModel scaled, and replaced by those of its table
 * when they are decoded.
 */
export function autoencoder(model: Autoencoder): AutoencoderCodec {
  const { sizeFactor, className } = model;
  const { inChannels, outChannels } = model.config;
  const latentChannels = model instanceof VQModel ? model.latentChannels : model.config.latentChannels;
  const programs = new WeakMap<Backend, Programs>();
  const run = (direction: Direction, backend: Backend, ...values: HostTensor[]): Promise<HostTensor> => {
    const own = programs.get(backend) ?? new Programs(model, backend);
    programs.set(backend, own);
    return own.run(direction, values);
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
    encode: (images, backend) => run("encode", backend, images),
    ...(model instanceof AutoencoderKL && {
      encodeSample: (images, noise, backend) => run("encode a sample", backend, images, noise),
    }),
    decode: (latents, backend) => run("decode", backend, latents),
  };
}

async function saveAutoencoder(
  folder: string,
  model: Autoencoder,
  weights?: WriteStateDictOptions,
): Promise<void> {
  await writeConfig(folder, MODEL_CONFIG, model.className, model.toConfig(), model.floatKeys);
  await writeStateDict(folder, model.stateDict(), weights);
}

/** The programs of an autoencoder on one backend, which holds its weights. */
class Programs {
  readonly #model: Autoencoder;
  readonly #backend: Backend;
  /** Shared by concurrent calls: the second waits for the program that the first one compiles. */
  readonly #compiled = new Map<string, Promise<Compiled>>();

  constructor(model: Autoencoder, backend: Backend) {
    model.upload(backend);
    this.#model = model;
    this.#backend = backend;
  }

  async run(direction: Direction, values: readonly HostTensor[]): Promise<HostTensor> {
    const { executable, outShape } = await this.#program(
      direction,
      values.map(({ shape }) => shape),
    );
    const [result] = await executable.run(values.map(({ data }) => data));
    return hostTensor(result, outShape);
  }

  #program(direction: Direction, shapes: readonly Shape[]): Promise<Compiled> {
    const key = `${direction} ${shapes.map((shape) => shape.join("x")).join(" and ")}`;
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const program = this.#compile(direction, shapes, key).catch((error: unknown) => {
      this.#compiled.delete(key);
      throw error;
    });
    this.#compiled.set(key, program);
    return program;
  }

  async #compile(direction: Direction, shapes: readonly Shape[], key: string): Promise<Compiled> {
    const inputs = shapes.map((shape, i) => input(shape, "f32", INPUTS[direction][i]));
    const [values, noise] = inputs;
    const output =
      direction === "decode" ? decoded(this.#model, values) : encoded(this.#model, values, noise);
    const executable = await this.#backend.compile({
      name: `${this.#model.className} ${key}`,
      inputs,
      outputs: [output],
      batchInvariant: true,
    });
    return { executable, outShape: output.shape };
  }
}

interface Compiled {
  readonly executable: Executable;
  readonly outShape: readonly number[];
}

/** The inputs of a program. */
const INPUTS: Readonly<Record<Direction, readonly string[]>> = {
  encode: ["images"],
  "encode a sample": ["images", "noise"],
  decode: ["latents"],
};

/** [N, H, W, C] -> [N, h, w, c]. @param noise for a distribution, to draw from it; otherwise its mean is taken */
function encoded(model: Autoencoder, images: Tensor, noise?: Tensor): Tensor {
  if (model instanceof AutoencoderKL) {
    const latents = model.encode(images);
    return model.scaleLatents(noise === undefined ? latents.mean : latents.sample(noise));
  }
  if (model instanceof VQModel) return model.encode(images).mul(model.config.scalingFactor);
  return model.encode(images);
}

/** [N, h, w, c] -> [N, H, W, C]. */
function decoded(model: Autoencoder, latents: Tensor): Tensor {
  if (model instanceof AutoencoderKL) return model.decode(model.unscaleLatents(latents));
  if (model instanceof VQModel) return model.decode(latents.div(model.config.scalingFactor)).sample;
  return model.decode(latents);
}
