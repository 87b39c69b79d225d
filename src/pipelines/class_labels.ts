// The classes of a class-conditional model, by name and number, and the classes that a call selects.

import type { HostArray } from "../engine/backend.ts";
import type { ModelIndex, SavedComponent } from "../io/diffusers_folder.ts";
import type { ClassEmbedding, Conditions, Denoiser } from "../models/denoiser.ts";
import type { Condition, Conditioner, Guidance, ImageRange } from "./conditioner.ts";
import { PipelineError } from "./errors.ts";
import { nearestNames } from "./nearest_names.ts";

/** Class number to name, as in diffusers' DiTPipeline: a name can hold several, separated by commas. */
export type Id2Label = Readonly<Record<number, string>>;

/** A class: its name, one of its names, or its number from 0. */
export type ClassLabel = string | number;

/** Options for class-conditional models. */
export interface ClassOptions {
  /** The class of the images, or a list of classes through which the images cycle. Default: all classes. */
  readonly classLabels?: ClassLabel | readonly ClassLabel[];
  /**
   * w in uncond + w (cond - uncond) (Ho & Salimans 2022, arXiv 2207.12598; diffusers' guidance_scale). 0 ignores the
   * class, 1 is the conditional prediction, and larger values give images that are more typical of the class and less
   * varied. Values other than 1 need a model that was also trained without classes, and evaluate it twice per step.
   * Default 1. DiTPipeline: 4 by default; at 1 and below the model is evaluated once, with the class alone.
   */
  readonly guidanceScale?: number;
  /**
   * φ from 0 to 1: how far the guided prediction is rescaled to the standard deviation of the conditional one. It
   * counters overexposed or oversaturated images under strong guidance, above all with noise schedules that end in pure
   * noise (Lin et al. 2023, arXiv 2305.08891, section 3.4; diffusers' guidance_rescale). 0.7 is usual. Default 0.
   */
  readonly guidanceRescale?: number;
}

/** The checked class options of a call. */
export interface ClassCondition {
  /** Class numbers; the images cycle through them. */
  readonly labels: readonly number[];
  /** Null for no guidance. */
  readonly guidance: ClassGuidance | null;
}

interface ClassGuidance extends Pick<Guidance, "scale" | "rescale"> {
  /** The number of the null class. */
  readonly nullClass: number;
}

/** How a kind of pipeline guides. */
export interface GuidanceKind {
  /** The scale of calls that give none. */
  readonly scale: number;
  /** Whether a scale guides; where it does not, the class alone counts. */
  readonly isGuiding: (scale: number) => boolean;
  /** Which scales do, in words. */
  readonly guiding: string;
}

/** Below 1 is a mixture of the predictions with and without the class. */
const MIXING: GuidanceKind = { scale: 1, isGuiding: (scale) => scale !== 1, guiding: "other than 1" };

/** Largest guidance: far above the usual 1.5 to 8, images are only noise. */
export const MOST_GUIDANCE = 1000;

/** Number of names in an error about an unknown one. */
const TOLD = 5;

/** The classes of a class-conditional model: their names, and the number of the null class. */
export class ModelClasses implements Conditioner<ClassOptions> {
  readonly components: readonly SavedComponent[] = [];
  /** Number of classes; null for a model that takes any number (class_embed_type "timestep"). */
  readonly count: number | null;
  /** The number of the null class (no class); null for a model without one. */
  readonly nullClass: number | null;
  /** The names of each class by its number; undefined for a model without names. */
  readonly id2label: Id2Label | undefined;
  /** Every name with its class, as in DiTPipeline. */
  readonly labels: ReadonlyMap<string, number>;
  readonly #embedding: ClassEmbedding;
  readonly #guidance: GuidanceKind;

  /**
   * @param guidance that of the pipeline's kind; by default 1, and below it a mixture with the prediction of no class
   * @throws PipelineError for names of classes that the model does not have
   */
  constructor(embedding: ClassEmbedding, id2label: Id2Label | undefined, guidance: GuidanceKind = MIXING) {
    this.#embedding = embedding;
    this.#guidance = guidance;
    const names = Object.entries(id2label ?? {}).map(([id, name]) => [Number(id), name] as const);
    this.id2label = id2label;
    this.nullClass = nullClassOf(embedding, names);
    this.count = this.nullClass ?? (embedding.type === "table" ? embedding.rows : null);
    for (const [id] of names) {
      if (this.count === null || (Number.isInteger(id) && id >= 0 && id < this.count)) continue;
      throw new PipelineError(`id2label names a class ${id}, but the model has 0 to ${this.count - 1}`);
    }
    this.labels = labelsOf(names);
  }

  /**
   * Makes the classes of a model.
   * @returns null for a model that is not class-conditional
   * @throws PipelineError for names of classes that the model does not have
   */
  static of({ classEmbedding }: Denoiser, id2label?: Id2Label): ModelClasses | null {
    if (classEmbedding !== null) return new ModelClasses(classEmbedding, id2label);
    if (id2label === undefined) return null;
    throw new PipelineError("id2label names classes, but the model is not class-conditional");
  }

  /** The number of a class. @throws PipelineError for a class that the model does not have, with similar names */
  id(label: ClassLabel): number {
    const found = typeof label === "number" ? label : this.#named(label);
    if (Number.isSafeInteger(found) && found >= 0 && found < (this.count ?? 2 ** 31)) return found;
    throw new PipelineError(`there is no class ${found}; the model has ${this.#numbers}`);
  }

  /**
   * The numbers of classes; by default all.
   * @throws PipelineError for a class that the model does not have
   */
  ids(asked?: ClassLabel | readonly ClassLabel[]): readonly number[] {
    if (asked === undefined) {
      if (this.count !== null) return Array.from({ length: this.count }, (_, id) => id);
      throw new PipelineError("the model takes any number as a class; say which");
    }
    const list = typeof asked === "string" || typeof asked === "number" ? [asked] : asked;
    if (list.length === 0) throw new PipelineError("no class was given, expected at least one");
    return list.map((label) => this.id(label));
  }

  get settings(): Pick<ModelIndex, "id2label"> {
    return this.id2label === undefined ? {} : { id2label: this.id2label };
  }

  /** The guidance scale of calls that give none. */
  get guidanceScale(): number {
    return this.#guidance.scale;
  }

  /** Whether images of a guidance scale are of no class. */
  leavesOut(guidanceScale: number | undefined): boolean {
    return guidanceScale === 0 && this.#guidance.isGuiding(0);
  }

  condition({ classLabels, guidanceScale, guidanceRescale }: ClassOptions): Condition {
    if (this.#embedding.type === "identity") {
      throw new PipelineError(
        "the model wants an embedding for each class (class_embed_type identity), expected one that takes numbers of classes",
      );
    }
    return labelCondition({
      labels: this.ids(classLabels),
      guidance: this.#guided(guidanceScale ?? this.guidanceScale, guidanceRescale),
    });
  }

  /** The name of a class, or its number where it has no name. */
  name(id: number): string {
    return this.id2label?.[id] ?? String(id);
  }

  #named(label: string): number {
    const id = this.labels.get(label);
    if (id !== undefined) return id;
    if (/^\d+$/.test(label)) return Number(label);
    const text = JSON.stringify(label);
    if (this.labels.size === 0) {
      throw new PipelineError(
        `there is no class ${text}: the model's classes have no names; give numbers, it has ${this.#numbers}`,
      );
    }
    const near = nearestNames(label, this.labels.keys(), TOLD);
    throw new PipelineError(
      `there is no class ${text}; of the model's ${this.labels.size} names the nearest are: ${near.join(", ")}`,
    );
  }

  #guided(scale: number, rescale?: number): ClassGuidance | null {
    const { nullClass } = this;
    const { isGuiding, guiding } = this.#guidance;
    if (!(scale >= 0 && scale <= MOST_GUIDANCE)) {
      throw new PipelineError(`the guidance scale is ${scale}, expected 0 .. ${MOST_GUIDANCE}`);
    }
    if (rescale !== undefined && !(rescale >= 0 && rescale <= 1)) {
      throw new PipelineError(`the guidance rescale is ${rescale}, expected 0 .. 1`);
    }
    if (!isGuiding(scale)) {
      if (rescale === undefined) return null;
      throw new PipelineError(
        `a guidance rescale counts beside a guidance scale ${guiding}; give both or neither`,
      );
    }
    if (nullClass !== null) return { scale, rescale: rescale ?? 0, nullClass };
    throw new PipelineError(
      "the model was not trained without classes, which guidance compares with (it has no row behind those of its named classes); use a guidance of 1",
    );
  }

  get #numbers(): string {
    return this.count === null ? "all numbers from 0" : `the classes 0 to ${this.count - 1}`;
  }
}

/** The conditioner of models without classes. */
export const noClasses: Conditioner<ClassOptions> = {
  components: [],
  settings: {},
  condition({ classLabels, guidanceScale, guidanceRescale }) {
    const asked = [classLabels, guidanceScale, guidanceRescale];
    if (asked.every((option) => option === undefined)) return null;
    throw new PipelineError("the model is not class-conditional; leave out classes and guidance");
  },
};

/** The condition on class labels; the images cycle through them. */
export function labelCondition({ labels, guidance }: ClassCondition): Condition {
  const filled = async (
    { firstImage, count }: ImageRange,
    labelOf: (image: number) => number,
  ): Promise<Conditions<HostArray>> => ({
    classLabels: Int32Array.from({ length: count }, (_, k) => labelOf(firstImage + k)),
  });
  return {
    inputs: (images) => filled(images, (image) => labels[image % labels.length]),
    guidance: guidance && { ...guidance, inputs: (images) => filled(images, () => guidance.nullClass) },
  };
}

type NamedClass = readonly [id: number, name: string];

/** The row that stands for no class. */
function nullClassOf(embedding: ClassEmbedding, names: readonly NamedClass[]): number | null {
  if (embedding.type !== "table") return null;
  const { rows, nullClass } = embedding;
  if (nullClass !== undefined) return nullClass;
  // One row more than there are names is the null class of training with label dropout.
  const hasNull = names.length === rows - 1 && names.every(([id]) => id < rows - 1);
  return hasNull && rows > 1 ? rows - 1 : null;
}

/** Of a name that several classes have, the last, as in diffusers; whole names count too. */
function labelsOf(names: readonly NamedClass[]): ReadonlyMap<string, number> {
  const labels = new Map(names.flatMap(([id, name]) => name.split(",").map((part) => [part.trim(), id])));
  for (const [id, name] of names) if (!labels.has(name)) labels.set(name, id);
  return labels;
}
