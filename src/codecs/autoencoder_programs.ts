// The programs of an autoencoder on a backend, compiled for each shape.

import type { Backend, Executable } from "../engine/backend.ts";
import { type HostTensor, hostTensor } from "../engine/host_tensor.ts";
import type { Shape } from "../engine/shape.ts";
import { input, type Tensor } from "../engine/tensor.ts";
import { AutoencoderKL } from "../models/autoencoder_kl.ts";
import type { AutoencoderTiny } from "../models/autoencoder_tiny.ts";
import { DiagonalGaussianDistribution } from "../models/diagonal_gaussian.ts";
import { VQModel } from "../models/vq_model.ts";

/** The autoencoders that can be a codec. */
export type Autoencoder = AutoencoderKL | AutoencoderTiny | VQModel;

/** What a program computes; of those with noise, if it is given. */
export type Coding =
  /** Of images, and noise, the latents that a diffusion model sees. */
  | "encode"
  /** Of such latents the images. */
  | "decode"
  /** Of images the parameters of their distribution. */
  | "moments"
  /** Of these, and noise, the latents that a diffusion model sees. */
  | "latents";

/** The inputs of a program. */
const INPUTS: Readonly<Record<Coding, readonly string[]>> = {
  encode: ["images", "noise"],
  decode: ["latents"],
  moments: ["images"],
  latents: ["moments", "noise"],
};

/** The programs of an autoencoder on one backend, which holds its weights. */
export class AutoencoderPrograms {
  readonly #model: Autoencoder;
  readonly #backend: Backend;
  /** Shared by concurrent calls: the second waits for the program that the first one compiles. */
  readonly #compiled = new Map<string, Promise<Compiled>>();

  constructor(model: Autoencoder, backend: Backend) {
    model.upload(backend);
    this.#model = model;
    this.#backend = backend;
  }

  /** Keeps the program for the next values of these shapes. */
  async run(coding: Coding, values: readonly HostTensor[]): Promise<HostTensor> {
    return computed(await this.#program(coding, shapesOf(values)), values);
  }

  /** Computes several of one shape, and frees the program. */
  async runOnce(coding: Coding, all: readonly HostTensor[]): Promise<readonly HostTensor[]> {
    const program = await this.#compile(coding, shapesOf(all.slice(0, 1)));
    try {
      const results: HostTensor[] = [];
      for (const values of all) results.push(await computed(program, [values]));
      return results;
    } finally {
      program.executable.dispose();
    }
  }

  #program(coding: Coding, shapes: readonly Shape[]): Promise<Compiled> {
    const key = keyOf(coding, shapes);
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const program = this.#compile(coding, shapes).catch((error: unknown) => {
      this.#compiled.delete(key);
      throw error;
    });
    this.#compiled.set(key, program);
    return program;
  }

  async #compile(coding: Coding, shapes: readonly Shape[]): Promise<Compiled> {
    const inputs = shapes.map((shape, i) => input(shape, "f32", INPUTS[coding][i]));
    const [values, noise] = inputs;
    const output = outputOf(this.#model, coding, values, noise);
    const executable = await this.#backend.compile({
      name: `${this.#model.className} ${keyOf(coding, shapes)}`,
      inputs,
      outputs: [output],
      batchInvariant: true,
    });
    return { executable, outShape: output.shape };
  }
}

interface Compiled {
  readonly executable: Executable;
  readonly outShape: Shape;
}

async function computed(
  { executable, outShape }: Compiled,
  values: readonly HostTensor[],
): Promise<HostTensor> {
  const [result] = await executable.run(values.map(({ data }) => data));
  return hostTensor(result, outShape);
}

const shapesOf = (values: readonly HostTensor[]): readonly Shape[] => values.map(({ shape }) => shape);

const keyOf = (coding: Coding, shapes: readonly Shape[]): string =>
  `${coding} ${shapes.map((shape) => shape.join("x")).join(" and ")}`;

/** @param noise for a distribution, to draw from it; otherwise its mean is taken */
function outputOf(model: Autoencoder, coding: Coding, values: Tensor, noise?: Tensor): Tensor {
  if (model instanceof AutoencoderKL) return ofDistribution(model, coding, values, noise);
  if (model instanceof VQModel) {
    const { scalingFactor } = model.config;
    return coding === "decode"
      ? model.decode(values.div(scalingFactor)).sample
      : model.encode(values).mul(scalingFactor);
  }
  return coding === "decode" ? model.decode(values) : model.encode(values);
}

function ofDistribution(model: AutoencoderKL, coding: Coding, values: Tensor, noise?: Tensor): Tensor {
  if (coding === "decode") return model.decode(model.unscaleLatents(values));
  if (coding === "moments") return model.encode(values).parameters;
  const distribution = coding === "latents" ? new DiagonalGaussianDistribution(values) : model.encode(values);
  return model.scaleLatents(noise === undefined ? distribution.mean : distribution.sample(noise));
}
