// Class labels in training: whether a model fits the classes of a data set, and which labels of a batch it is shown.
// Some are hidden, so that it also learns to draw without a class, which guidance compares with (Ho & Salimans 2022,
// arXiv 2207.12598, algorithm 1).

import { hashing } from "#platform";
import type { ClassLabels, ImageSource } from "../../data/image_source.ts";
import { philoxUniform } from "../../engine/random/philox.ts";
import { type Denoiser, isClassConditional } from "../../models/denoiser.ts";
import { UNet2DModel } from "../../models/unet_2d_model.ts";
import { TrainingOptionError } from "../errors.ts";

/** Share of labels that is hidden unless asked otherwise: Ho & Salimans' p_uncond. */
export const DEFAULT_LABEL_DROPOUT = 0.1;

/** Sets these draws apart from those of programs, which number theirs from 0, and of loss-second-moment. */
const SITE = 0xffff_fffe;

/** The number that stands for no class: behind those of the classes. */
const nullClassOf = ({ names }: ClassLabels): number => names.length;

/** Rows of the table of classes; without dropout there is none for no class, as nothing would be learnt of it. */
const rowsFor = (labels: ClassLabels, dropout: number): number => labels.names.length + (dropout > 0 ? 1 : 0);

/**
 * The model with a table for the classes of a data set; one that has a table stays as it is.
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

/** The share of labels that is hidden for a model when nothing is asked: none where it has no row for no class. */
export function defaultLabelDropout({ classEmbedding }: Denoiser, { labels }: ImageSource): number {
  if (classEmbedding === null) return 0;
  const rows = classEmbedding.type === "table" ? classEmbedding.rows : undefined;
  return rows !== undefined && rows === labels?.names.length ? 0 : DEFAULT_LABEL_DROPOUT;
}

/** @throws TrainingOptionError unless the model can learn the classes of the images, and no others */
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

/** @throws TrainingOptionError when there are none, or they do not fit the images */
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

/** What config.json keeps of the classes that a run learns. */
export function recordedClasses({ labels }: ImageSource): { classes: string[]; labels: string } | undefined {
  if (labels === undefined) return undefined;
  return { classes: [...labels.names], labels: `sha256:${hashing.sha256(labels.of.join())}` };
}

/** The labels that a model is shown, batch by batch. */
export class BatchLabels {
  readonly #labels: ClassLabels;
  readonly #dropout: number;
  readonly #seed: number;

  /** @param dropout share of labels that are hidden, 0 .. 1 */
  constructor(labels: ClassLabels, dropout: number, seed: number) {
    this.#labels = labels;
    this.#dropout = dropout;
    this.#seed = seed;
  }

  /**
   * Whether a label is hidden is decided by the seed, the step and the image's place in the batch.
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
