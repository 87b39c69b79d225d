// Class labels in training: checks that a model fits the classes of a data set, and chooses the labels of each batch.
// Some are hidden, so that the model also learns the unconditional prediction for guidance (Ho & Salimans 2022, arXiv
// 2207.12598, algorithm 1).

import { hashing } from "#platform";
import type { ClassLabels, ImageSource } from "../../data/image_source.ts";
import { philoxUniform } from "../../engine/random/philox.ts";
import { type Denoiser, isClassConditional } from "../../models/denoiser.ts";
import { UNet2DModel } from "../../models/unet_2d_model.ts";
import { TrainingOptionError } from "../errors.ts";

/** Default share of hidden labels: Ho & Salimans' p_uncond. */
export const DEFAULT_LABEL_DROPOUT = 0.1;

/** Philox site of these draws, distinct from those of programs, which count from 0, and of loss-second-moment. */
const SITE = 0xffff_fffe;

/** The number of the null class: after those of the classes. */
const nullClassOf = ({ names }: ClassLabels): number => names.length;

/** Rows of the class embedding table; without dropout the null class gets none, as it would not be trained. */
const rowsFor = (labels: ClassLabels, dropout: number): number => labels.names.length + (dropout > 0 ? 1 : 0);

/**
 * The model with a class embedding table for the classes of a data set; an existing table is unchanged.
 * @throws TrainingOptionError when the images have no labels
 */
export function withClasses(
  model: UNet2DModel,
  data: ImageSource,
  dropout = DEFAULT_LABEL_DROPOUT,
): UNet2DModel {
  if (isClassConditional(model)) return model;
  return new UNet2DModel({ ...model.config, numClassEmbeds: rowsFor(labelsOf(data), dropout) });
}

/** The default share of hidden labels for a model: 0 if it has no row for the null class. */
export function defaultLabelDropout({ classEmbedding }: Denoiser, { labels }: ImageSource): number {
  if (classEmbedding === null) return 0;
  const rows = classEmbedding.type === "table" ? classEmbedding.rows : undefined;
  return rows !== undefined && rows === labels?.names.length ? 0 : DEFAULT_LABEL_DROPOUT;
}

/** @throws TrainingOptionError unless the model can learn exactly the classes of the images */
export function checkClasses({ classEmbedding }: Denoiser, data: ImageSource, dropout: number): void {
  if (classEmbedding === null) {
    if (dropout === 0) return;
    throw new TrainingOptionError(
      `a label dropout of ${dropout} is for class-conditional models, which this one is not; give it num_class_embeds, or leave it out`,
    );
  }
  if (classEmbedding.type !== "table") {
    throw new TrainingOptionError(
      `the model has class_embed_type ${classEmbedding.type}, expected null: classes are learnt in a table of num_class_embeds rows`,
    );
  }
  const labels = labelsOf(data);
  const wanted = rowsFor(labels, dropout);
  if (classEmbedding.rows !== wanted) {
    const what = dropout > 0 ? "with one for no class" : "with a label dropout of 0";
    throw new TrainingOptionError(
      `the model has num_class_embeds ${classEmbedding.rows}, but the ${labels.names.length} classes of ${data.name} want, ${what}, ${wanted}; change the model, or leave num_class_embeds out of it`,
    );
  }
}

/** @throws TrainingOptionError when there are none, or they do not match the images */
function labelsOf({ name, labels, count }: ImageSource): ClassLabels {
  if (labels === undefined) {
    throw new TrainingOptionError(
      `${name} has no class labels, which a class-conditional model learns from; train without classes, or label the images`,
    );
  }
  const classes = labels.names.length;
  if (labels.of.length !== count) {
    throw new TrainingOptionError(`${name} has ${labels.of.length} labels for ${count} images`);
  }
  const wrong = labels.of.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0) {
    throw new TrainingOptionError(
      `${name}: the label of image ${wrong} is ${labels.of[wrong]}, expected one of ${classes} classes, 0 to ${classes - 1}`,
    );
  }
  return labels;
}

/** The classes of a run as recorded in config.json. */
export function recordedClasses({ labels }: ImageSource): { classes: string[]; labels: string } | undefined {
  if (labels === undefined) return undefined;
  return { classes: [...labels.names], labels: `sha256:${hashing.sha256(labels.of.join())}` };
}

/** The labels that the model gets, batch by batch. */
export class BatchLabels {
  readonly #labels: ClassLabels;
  readonly #dropout: number;
  readonly #seed: number;

  /** @param dropout share of hidden labels, 0 .. 1 */
  constructor(labels: ClassLabels, dropout: number, seed: number) {
    this.#labels = labels;
    this.#dropout = dropout;
    this.#seed = seed;
  }

  /**
   * The labels of a batch. Hiding depends on the seed, the step and the position in the batch.
   * @param indices of the batch's images, [N]
   * @param step optimizer steps done before this one
   * @returns [N]
   */
  batch(indices: Uint32Array, step: number): Int32Array {
    const uniform = new Float64Array(indices.length);
    philoxUniform(uniform, { seed: this.#seed, step, site: SITE });
    return Int32Array.from(uniform, (u, i) =>
      u < this.#dropout ? nullClassOf(this.#labels) : this.#labels.of[indices[i]],
    );
  }
}
