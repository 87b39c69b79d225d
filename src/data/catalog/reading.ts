// A data set that is opened to be looked through: its images are read, then near-duplicates are looked for, and both can
// be followed and ended.

import type { Cooperation } from "../../platform/cooperative.ts";
import { DataError } from "../errors.ts";
import type { ImageSource } from "../image_source.ts";
import type { LocalImages } from "../local/source.ts";
import { JUDGED_BY, type NearDuplicates, nearDuplicates } from "../near_duplicates.ts";
import { ImageCatalog } from "./catalog.ts";

/** Pairs of near-duplicates that are told. */
const LISTED_PAIRS = 1000;
/** Whoever looks through a data set waits for answers meanwhile, each of which takes several turns (milliseconds). */
const SLICE_MS = 5;

/** What is done now. */
export interface ReadingStage {
  /** "reading images: 5 of 12" */
  readonly text: string;
  /** How much of it is done, 0 to 1; null where that is not known. */
  readonly share: number | null;
}

/** Reads images, tells what it does, and ends with the signal's reason. */
export type ReadImages = (
  tell: (stage: ReadingStage) => void,
  signal: AbortSignal,
) => Promise<ImageSource | LocalImages>;

/** How far a reading is. */
export interface ReadingStatus {
  /** Null where nothing is done any more. */
  readonly stage: ReadingStage | null;
  /** Whether there is a catalog. */
  readonly isRead: boolean;
  /** Whether near-duplicates are known. */
  readonly isSearched: boolean;
  /** Why there is none, or why the search ended. */
  readonly problem: unknown;
}

/** Images that look alike, as far as they are listed. */
export interface NearSummary {
  /** The criterion, in a line for people. */
  readonly judgedBy: string;
  /** How many pairs there are, unless there are more (`isComplete` is false). */
  readonly count: number;
  /** Whether all pairs are counted. */
  readonly isComplete: boolean;
  /** The first of them: the indices of two images, and the number of the hash's 256 bits in which they differ. */
  readonly pairs: readonly (readonly [first: number, second: number, distance: number])[];
}

/** A catalog that is being made. */
export class CatalogReading {
  readonly #stop = new AbortController();
  #stage: ReadingStage | null = { text: "opening", share: null };
  #images: ImageSource | LocalImages | undefined;
  #catalog: ImageCatalog | undefined;
  #near: NearDuplicates | undefined;
  #problem: unknown;

  /** Begins to read at once. */
  constructor(read: ReadImages) {
    void this.#run(read);
  }

  /** How far it is. */
  get status(): ReadingStatus {
    return {
      stage: this.#stage,
      isRead: this.#catalog !== undefined,
      isSearched: this.#near !== undefined,
      problem: this.#problem,
    };
  }

  /** The images to look through. @throws DataError before they are read, or after the end */
  get catalog(): ImageCatalog {
    if (this.#catalog === undefined) throw new DataError("the images are not read yet; wait for them");
    return this.#catalog;
  }

  /** Images that look alike; undefined before they are known. */
  get near(): NearSummary | undefined {
    if (this.#near === undefined) return undefined;
    const { pairs, isComplete } = this.#near;
    return {
      ...{ judgedBy: JUDGED_BY, isComplete, count: pairs.length },
      pairs: pairs
        .slice(0, LISTED_PAIRS)
        .map(({ first, second, distance }) => [first, second, distance] as const),
    };
  }

  /** For work on the catalog: it ends when the reading is closed, and leaves time for others. */
  get cooperation(): Cooperation {
    return { signal: this.#stop.signal, sliceMs: SLICE_MS };
  }

  /** Ends all work, and forgets the images. */
  close(): void {
    this.#stop.abort(new DataError("the reading was ended"));
    this.#stage = null;
    this.#catalog = undefined;
    this.#closeImages();
  }

  async #run(read: ReadImages): Promise<void> {
    const { signal } = this.#stop;
    try {
      const images = await read((stage) => {
        this.#stage = stage;
      }, signal);
      this.#images = images;
      if (signal.aborted) return this.#closeImages();
      this.#catalog = new ImageCatalog(images);
      const tell = (share: number): void => {
        this.#stage = { text: "looking for near-duplicates", share };
      };
      tell(0);
      this.#near = await nearDuplicates(images, { ...this.cooperation, onProgress: tell });
    } catch (error) {
      if (!signal.aborted) this.#problem = error;
    }
    this.#stage = null;
  }

  #closeImages(): void {
    if (this.#images !== undefined && "close" in this.#images) this.#images.close();
    this.#images = undefined;
  }
}
