// A second kind of each: a model, a codec and a conditioner for tests only.

import type { Codec } from "../../src/codecs/codec.ts";
import { hostTensor, numel } from "../../src/engine/host_tensor.ts";
import type { Shape } from "../../src/engine/shape.ts";
import type { Tensor } from "../../src/engine/tensor.ts";
import { MODEL_CONFIG, readConfig, writeConfig } from "../../src/io/diffusers_folder.ts";
import type {
  ClassEmbedding,
  ConditionInput,
  Conditions,
  Denoiser,
  DenoiserInputs,
  TimestepKind,
} from "../../src/models/denoiser.ts";
import { silu } from "../../src/nn/activations.ts";
import { Conv2d } from "../../src/nn/conv2d.ts";
import { Linear } from "../../src/nn/linear.ts";
import { Module } from "../../src/nn/module.ts";
import type { ClassOptions } from "../../src/pipelines/class_labels.ts";
import { type ComponentKind, readWeights } from "../../src/pipelines/components.ts";
import type { Conditioner, ImageRange } from "../../src/pipelines/conditioner.ts";

/** Two convolutions, and between them the timestep and, where it has such, a vector for each image. */
export class TwoConvs extends Module implements Denoiser {
  readonly className = "TwoConvs";
  readonly floatKeys: ReadonlySet<string> = new Set();
  readonly inChannels: number;
  readonly outChannels: number;
  readonly sampleSize: { readonly height: number; readonly width: number };
  readonly sizeFactor = 1;
  readonly timesteps: TimestepKind = { type: "positional" };
  readonly timeEmbedDim = null;
  readonly dropout = 0;
  readonly classEmbedding: ClassEmbedding | null;
  readonly #width: number;
  readonly #in: Conv2d;
  readonly #time: Linear;
  readonly #vector: Linear | null;
  readonly #out: Conv2d;

  /** @param width of the vector; 0 for none */
  constructor(channels: number, size: number, width = 0) {
    super();
    this.inChannels = channels;
    this.outChannels = channels;
    this.sampleSize = { height: size, width: size };
    this.classEmbedding = width === 0 ? null : { type: "identity" };
    this.#width = width;
    const conv = { inChannels: channels, outChannels: channels, kernelSize: 3, padding: 1 };
    this.#in = this.child("in", new Conv2d(conv));
    this.#time = this.child("time", new Linear(1, channels));
    this.#vector = width === 0 ? null : this.child("vector", new Linear(width, channels));
    this.#out = this.child("out", new Conv2d(conv));
  }

  conditionsFor(n: number): Conditions<ConditionInput> {
    return this.#vector === null ? {} : { classLabels: { shape: [n, this.#width], dtype: "f32" } };
  }

  forward(sample: Tensor, timestep: Tensor, { classLabels }: DenoiserInputs = {}): Tensor {
    const [n] = sample.shape;
    let emb = this.#time.forward(timestep.cast().div(1000).reshape([n, 1])); // [N, C]
    if (this.#vector !== null && classLabels !== undefined) emb = emb.add(this.#vector.forward(classLabels));
    const hidden = this.#in.forward(sample).add(emb.reshape([n, 1, 1, this.inChannels]));
    return this.#out.forward(silu(hidden));
  }

  withoutValues(): TwoConvs {
    return new TwoConvs(this.inChannels, this.sampleSize.height, this.#width);
  }

  toConfig() {
    const { inChannels, sampleSize } = this;
    return {
      _class_name: this.className,
      channels: inChannels,
      sample_size: sampleSize.height,
      vector: this.#width,
    };
  }
}

export const twoConvsKind: ComponentKind<TwoConvs> = {
  name: "unet",
  className: "TwoConvs",
  files: () => [MODEL_CONFIG],
  read: async (folder) => {
    const { channels, sample_size, vector } = (await readConfig(folder, MODEL_CONFIG)).settings;
    const unet = new TwoConvs(Number(channels), Number(sample_size), Number(vector));
    await readWeights(folder, unet);
    return { unet };
  },
};

/** 2 x 2 pixels are 4 numbers of a place: their sum and three differences, halved (Haar). Of the same length as images. */
export const haar: Codec = {
  saved: {
    className: "Haar",
    config: { levels: 1 },
    components: [
      {
        name: "vae",
        library: "tests",
        className: "Haar",
        save: (folder) => writeConfig(folder, MODEL_CONFIG, "Haar", { levels: 1 }, new Set()),
      },
    ],
  },
  keepsValues: false,
  latentSize({ height, width, channels }) {
    if (height % 2 !== 0 || width % 2 !== 0) throw new RangeError(`${width} x ${height} cannot be halved`);
    return { height: height / 2, width: width / 2, channels: 4 * channels };
  },
  imageSize: ({ height, width, channels }) => ({
    height: 2 * height,
    width: 2 * width,
    channels: channels / 4,
  }),
  encode: async ({ data, shape: [n, h, w, c] }) => {
    const shape = [n, h / 2, w / 2, 4 * c];
    const out = new Float32Array(data.length);
    eachBlock(shape, (pixels, latents) => {
      for (const [row, at] of latents.entries()) {
        out[at] = SIGNS[row].reduce((sum, sign, k) => sum + sign * data[pixels[k]], 0) / 2;
      }
    });
    return hostTensor(out, shape);
  },
  decode: async ({ data, shape }) => {
    const [n, h, w, c] = shape;
    const out = new Float32Array(data.length);
    eachBlock(shape, (pixels, latents) => {
      for (const [k, at] of pixels.entries()) {
        out[at] = latents.reduce((sum, from, row) => sum + SIGNS[row][k] * data[from], 0) / 2;
      }
    });
    return hostTensor(out, [n, 2 * h, 2 * w, c / 4]);
  },
};

export const haarKind: ComponentKind<never> = {
  name: "vae",
  className: "Haar",
  files: () => [MODEL_CONFIG],
  read: async () => ({ codec: haar }),
};

const SIGNS = [
  [1, 1, 1, 1],
  [1, -1, 1, -1],
  [1, 1, -1, -1],
  [1, -1, -1, 1],
] as const;

/** Where the pixels of each block and channel lie, and their four numbers, for latents [N, h, w, 4C]. */
function eachBlock(shape: Shape, visit: (pixels: readonly number[], latents: readonly number[]) => void) {
  const [, h, w, c] = shape;
  const channels = c / 4;
  for (let place = 0; place < numel(shape) / c; place++) {
    const x = place % w;
    const y = Math.floor(place / w) % h;
    const n = Math.floor(place / (w * h));
    for (let channel = 0; channel < channels; channel++) {
      const pixel = (dy: number, dx: number) =>
        ((n * 2 * h + 2 * y + dy) * 2 * w + 2 * x + dx) * channels + channel;
      const latent = (row: number) => place * c + row * channels + channel;
      visit(
        [pixel(0, 0), pixel(0, 1), pixel(1, 0), pixel(1, 1)],
        [0, 1, 2, 3].map((row) => latent(row)),
      );
    }
  }
}

/** A direction on the circle of hues for each image, by its name; nowhere for no hue. */
export class Hues implements Conditioner<ClassOptions> {
  readonly settings = {};
  readonly components = [
    {
      name: "hues",
      library: "tests",
      className: "Hues",
      save: (folder: string) => writeConfig(folder, MODEL_CONFIG, "Hues", { width: this.width }, new Set()),
    },
  ];
  readonly width: number;

  constructor(width: number) {
    this.width = width;
  }

  condition({ classLabels = "red", guidanceScale = 1, guidanceRescale: rescale = 0 }: ClassOptions) {
    const names = [classLabels].flat();
    const vectors = async ({ firstImage, count }: ImageRange) => {
      const classLabels = new Float32Array(count * this.width);
      for (let k = 0; k < count; k++) {
        const hue = ["red", "green", "blue"].indexOf(String(names[(firstImage + k) % names.length]));
        classLabels[k * this.width] = Math.cos((hue * 2 * Math.PI) / 3);
        classLabels[k * this.width + 1] = Math.sin((hue * 2 * Math.PI) / 3);
      }
      return { classLabels };
    };
    const none = async ({ count }: ImageRange) => ({ classLabels: new Float32Array(count * this.width) });
    return {
      inputs: vectors,
      guidance: guidanceScale === 1 ? null : { scale: guidanceScale, rescale, inputs: none },
    };
  }
}

export const huesKind: ComponentKind<never> = {
  name: "hues",
  className: "Hues",
  files: () => [MODEL_CONFIG],
  read: async (folder) => {
    const { width } = (await readConfig(folder, MODEL_CONFIG)).settings;
    return { conditioner: new Hues(Number(width)) };
  },
};
