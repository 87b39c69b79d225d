// The pipelines that draw what a prompt says with one model: from noise, from an image, and a part of an image anew.

import {
  type DDPMPipeline,
  type GenerateOptions,
  type LoadedPipeline,
  type PromptOptions,
  type StableDiffusionImg2ImgOptions,
  StableDiffusionImg2ImgPipeline,
  type StableDiffusionInpaintOptions,
  StableDiffusionInpaintPipeline,
  type StableDiffusionOptions,
  StableDiffusionPipeline,
  type StableDiffusionPipelineOptions,
  StableDiffusionXLImg2ImgPipeline,
  StableDiffusionXLInpaintPipeline,
  StableDiffusionXLPipeline,
} from "imago";
import type { DrawRequest, Lora } from "../messages.ts";
import type { Drawer } from "./drawer.ts";
import { fittedImage } from "./given_image.ts";
import { withMounted } from "./mounted.ts";

/** Pipelines that see prompts. */
export type Loaded = Extract<LoadedPipeline, { readonly components: unknown }>;
type XL = StableDiffusionXLPipeline | StableDiffusionXLImg2ImgPipeline | StableDiffusionXLInpaintPipeline;

const isXL = (pipeline: Loaded): pipeline is XL =>
  pipeline instanceof StableDiffusionXLPipeline ||
  pipeline instanceof StableDiffusionXLImg2ImgPipeline ||
  pipeline instanceof StableDiffusionXLInpaintPipeline;

/** A pipeline, as far as it is used here. Options: those of its calls. */
interface Prompted<Options> extends Pick<DDPMPipeline, "decode" | "codec" | "imageSize" | "close"> {
  generate(options: Options): ReturnType<Drawer["generate"]>;
  generateImages(options: Options): ReturnType<Drawer["generateImages"]>;
}

/** What draws each way: from noise, from an image, a part of an image anew. */
interface Ways {
  readonly noise: Prompted<StableDiffusionOptions>;
  readonly image: Prompted<StableDiffusionImg2ImgOptions>;
  readonly part: Prompted<StableDiffusionInpaintOptions>;
}

const MADE: { [Way in keyof Ways]: (of: Loaded, options: StableDiffusionPipelineOptions) => Ways[Way] } = {
  noise: (of, options) =>
    isXL(of)
      ? new StableDiffusionXLPipeline(of.components, options)
      : new StableDiffusionPipeline(of.components, options),
  image: (of, options) =>
    isXL(of)
      ? new StableDiffusionXLImg2ImgPipeline(of.components, options)
      : new StableDiffusionImg2ImgPipeline(of.components, options),
  part: (of, options) =>
    isXL(of)
      ? new StableDiffusionXLInpaintPipeline(of.components, options)
      : new StableDiffusionInpaintPipeline(of.components, options),
};

/** What of a request says what is seen. */
type Asked = Pick<DrawRequest, "negativePrompt" | "size" | "start"> & { readonly prompt: string };

export class PromptPipelines {
  readonly #loaded: Loaded;
  readonly #options: StableDiffusionPipelineOptions;
  /** The one that was used last: compiled programs of several need more memory. */
  #open: Partial<Ways> = {};
  /** The LoRAs that are loaded, by name, and those that take part, in words. */
  readonly #loras = new Set<string>();
  #chosen = "[]";

  /** @param loaded what loadPipeline gave: its weights draw, in each class */
  constructor(loaded: Loaded, options: StableDiffusionPipelineOptions) {
    this.#loaded = loaded;
    this.#options = { ...options, sampling: loaded.sampling, tilesWhereNeeded: true };
  }

  get classes(): null {
    return null;
  }

  /** Draws as a pipeline without prompts does, from where a request starts. @throws Error, in one line */
  async drawer({ prompt, negativePrompt, size, start }: Asked): Promise<Drawer> {
    checkSize(size);
    const texts = { prompt, ...(negativePrompt !== undefined && { negativePrompt }) };
    if (start === undefined) return drawing(await this.#by("noise"), { ...texts, ...size }, size);
    const { image, mask, strength } = start;
    const fitting = { ...this.#loaded.imageSize, ...size };
    const beginning = {
      ...texts,
      image: await fittedImage("the image", image, fitting),
      ...(strength !== undefined && { strength }),
    };
    if (mask === undefined) return drawing(await this.#by("image"), beginning, size);
    const maskImage = await fittedImage("the mask", mask, { ...fitting, channels: 1 });
    return drawing(await this.#by("part"), { ...beginning, maskImage }, size);
  }

  /** Draws with these LoRAs from now on. @throws Error, in one line, for what is no LoRA of this model */
  async useLoras(loras: readonly Lora[]): Promise<void> {
    const chosen = JSON.stringify(loras.map(({ name, weight }) => [name, weight]));
    if (chosen === this.#chosen) return;
    this.#chosen = "";
    const wanted = new Set(loras.map(({ name }) => name));
    for (const name of this.#loras) {
      if (wanted.has(name)) continue;
      this.#loaded.deleteAdapters(name);
      this.#loras.delete(name);
    }
    for (const { name, file } of loras) {
      if (this.#loras.has(name)) continue;
      const path = "lora.safetensors";
      await withMounted([{ path, file }], (at) => this.#loaded.loadLoraWeights(at, { adapterName: name }));
      this.#loras.add(name);
    }
    this.#loaded.setAdapters(
      [...wanted],
      loras.map(({ weight }) => weight),
    );
    this.#chosen = chosen;
  }

  async close(): Promise<void> {
    await this.#closeOpen();
    await this.#loaded.close();
  }

  async #by<Way extends keyof Ways>(way: Way): Promise<Ways[Way]> {
    const known = this.#open[way];
    if (known !== undefined) return known;
    await this.#closeOpen();
    const made = MADE[way](this.#loaded, this.#options);
    const open: Partial<{ -readonly [Other in keyof Ways]: Ways[Other] }> = {};
    open[way] = made;
    this.#open = open;
    return made;
  }

  async #closeOpen(): Promise<void> {
    const open = Object.values(this.#open);
    this.#open = {};
    for (const pipeline of open) await pipeline.close();
  }
}

/** Longest side of pictures that a page draws. */
const MOST_SIDE = 4096;

/** @throws Error for what is no size; the pipeline knows of which numbers sides must be multiples */
function checkSize(size: DrawRequest["size"]): void {
  const isOne = ({ width, height }: NonNullable<DrawRequest["size"]>) =>
    [width, height].every((side) => Number.isInteger(side) && side >= 1 && side <= MOST_SIDE);
  if (size === undefined || isOne(size)) return;
  throw new Error(`the size is no number of pixels up to ${MOST_SIDE}; expected 512, say, or 768x512`);
}

/** @param own the options of each call that say what is seen, and where it starts */
function drawing<Own extends PromptOptions>(
  pipeline: Prompted<Omit<GenerateOptions, "classLabels"> & NoInfer<Own>>,
  own: Own,
  size: DrawRequest["size"],
): Drawer {
  const { codec, imageSize } = pipeline;
  return {
    codec,
    imageSize: { ...imageSize, ...size },
    decode: (latents) => pipeline.decode(latents),
    generate: (options) => pipeline.generate({ ...options, ...own }),
    generateImages: (options) => pipeline.generateImages({ ...options, ...own }),
  };
}
