// A data set to look through: what it is made of, its images one by one, and pictures of some of them.

import type { Channels, Extent, Pixels } from "../../io/image/index.ts";
import { resizeTo } from "../../io/image/resize.ts";
import { printable } from "../../io/printable.ts";
import { type Cooperation, cooperate } from "../../platform/cooperative.ts";
import type { ImageSource } from "../image_source.ts";
import type { BrokenImage } from "../local/decoded_set.ts";
import type { LocalImages } from "../local/source.ts";
import { ownImage } from "../source_image.ts";
import { countLabels, type OriginalsSummary, summarizeOriginals } from "./originals.ts";

/** Largest numbers of classes, broken files and warnings that a summary names. */
const LISTED = 1000;

/** What a data set is made of. Names from outside are safe to show: control characters are escaped. */
export interface CatalogSummary {
  /** Of the data set. */
  readonly name: string;
  /** Number of images. */
  readonly count: number;
  /** That the images were brought to, in pixels. */
  readonly size: Extent;
  /** That the images were brought to: 1 gray, 3 RGB, 4 RGB and transparency. */
  readonly channels: Channels;
  /** The classes with the most images, and how many classes there are; null for images without labels. */
  readonly labels: {
    readonly classes: number;
    readonly listed: readonly { readonly label: number; readonly name: string; readonly count: number }[];
  } | null;
  /** Of the files; null for images that are no files. */
  readonly originals: OriginalsSummary | null;
  /** The first unreadable files, and how many there are. */
  readonly broken: { readonly files: number; readonly listed: readonly BrokenImage[] };
  /** About files that were left out or read in a way that one may not expect, a line each. */
  readonly warnings: readonly string[];
}

/** An image of a catalog. */
export interface CatalogEntry {
  /** From 0. */
  readonly index: number;
  /** Its file's name in the source, or its number. */
  readonly name: string;
  /** The name of its class; null without labels. */
  readonly label: string | null;
  /** Size of the original in pixels, and its format and channels; null for an image that is no file. */
  readonly original: { readonly width: number; readonly height: number; readonly kind: string } | null;
}

/** Images to look through. */
export class ImageCatalog {
  readonly #images: ImageSource;
  readonly #local: LocalImages | undefined;
  /** The images of the classes that were asked for. */
  readonly #ofLabel = new Map<number, Uint32Array>();

  constructor(images: ImageSource | LocalImages) {
    this.#images = images;
    this.#local = "originals" in images ? images : undefined;
  }

  /** Number of images. */
  get count(): number {
    return this.#images.count;
  }

  /** What the images are, without looking at one. */
  summary(): CatalogSummary {
    const { name, count, size, channels } = this.#images;
    const { broken = [], warnings = [], originals } = this.#local ?? {};
    return {
      ...{ name: printable(name), count, size: { width: size.width, height: size.height }, channels },
      labels: this.#labels(),
      originals: originals === undefined ? null : summarizeOriginals(originals),
      broken: {
        files: broken.length,
        listed: broken.slice(0, LISTED).map(({ file, problem }) => ({
          file: printable(file),
          problem: printable(problem),
        })),
      },
      warnings: warnings.slice(0, LISTED).map(printable),
    };
  }

  #labels(): CatalogSummary["labels"] {
    const counts = countLabels(this.#images);
    if (counts === undefined) return null;
    const listed = [...counts].map(([name, count], label) => ({ label, name: printable(name), count }));
    listed.sort((a, b) => b.count - a.count || a.label - b.label);
    return { classes: listed.length, listed: listed.slice(0, LISTED) };
  }

  /** The indices of `count` images from the one at `from` on: of all of them, or of a class, in their order. */
  indices(from: number, count: number, label?: number): number[] {
    const end = from + count;
    if (label !== undefined) return [...this.#imagesOf(label).subarray(from, end)];
    return Array.from({ length: Math.max(0, Math.min(end, this.count) - from) }, (_, i) => from + i);
  }

  #imagesOf(label: number): Uint32Array {
    const known = this.#ofLabel.get(label);
    if (known !== undefined) return known;
    const found: number[] = [];
    for (const [index, of] of (this.#images.labels?.of ?? []).entries()) if (of === label) found.push(index);
    const indices = Uint32Array.from(found);
    this.#ofLabel.set(label, indices);
    return indices;
  }

  /** @throws RangeError for an image that there is not */
  entry(index: number): CatalogEntry {
    const { count, labels } = this.#images;
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new RangeError(`there is no image ${index}; images are 0..${count - 1}`);
    }
    const originals = this.#local?.originals;
    return {
      index,
      name: printable(this.#local?.fileOf(index) ?? `image ${index}`),
      label: labels === undefined ? null : printable(labels.names[labels.of[index] ?? 0] ?? ""),
      original:
        originals === undefined
          ? null
          : {
              width: originals.widths[index] ?? 0,
              height: originals.heights[index] ?? 0,
              kind: originals.kinds[index] ?? "",
            },
    };
  }

  /** The size of a picture of an image whose longer side is at most `side` pixels. */
  sizeWithin(side = Infinity): Extent {
    const { width, height } = this.#images.size;
    const scale = Math.min(1, side / Math.max(width, height));
    return {
      width: Math.max(1, Math.round(scale * width)),
      height: Math.max(1, Math.round(scale * height)),
    };
  }

  /**
   * Pictures of some images in one, below each other.
   * @param side the longest side of each, in pixels; larger images are scaled down. Default: as large as they are
   * @returns [indices x height, width, channels]
   * @throws the signal's reason
   */
  async pictures(indices: readonly number[], side?: number, cooperation: Cooperation = {}): Promise<Pixels> {
    const { channels } = this.#images;
    const breathe = cooperate(cooperation);
    const size = this.sizeWithin(side);
    const bytes = size.width * size.height * channels;
    const data = new Uint8Array(indices.length * bytes);
    for (const [n, index] of indices.entries()) {
      const image = ownImage(this.#images, index);
      const isWhole = size.width === image.width && size.height === image.height;
      data.set(isWhole ? image.data : resizeTo(image, size), n * bytes);
      await breathe((n + 1) / indices.length);
    }
    return { data, width: size.width, height: size.height * indices.length, channels };
  }
}
