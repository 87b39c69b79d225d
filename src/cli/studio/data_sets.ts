// The data sets that the page looks through: the last few are kept open.

import { randomUUID } from "node:crypto";
import { CatalogReading, type ImageCatalog, type NearSummary } from "../../data/index.ts";
import type { Cooperation } from "../../platform/cooperative.ts";
import { describeError } from "../errors.ts";
import { openAny, type ReadingOutput } from "../sources.ts";
import type { NamedData } from "./data_form.ts";
import { HttpError } from "./http_error.ts";

/** Data sets that are open at once; the one that was opened first is closed for another. */
const MOST_OPEN = 2;
/** Images that are decoded at once: the server answers in between, and trainings want their processors. */
const AT_ONCE = 2;

export interface DataStatus {
  readonly stage: { readonly text: string; readonly share: number | null } | null;
  readonly isRead: boolean;
  readonly isSearched: boolean;
  /** In the words of the command. */
  readonly problem: string | null;
}

export class DataSets {
  readonly #open = new Map<string, CatalogReading>();

  /** Begins to read. @returns what the data set is called from now on */
  open({ source, options }: NamedData): string {
    for (const id of [...this.#open.keys()].slice(0, -(MOST_OPEN - 1))) this.close(id);
    const id = randomUUID();
    const reading = new CatalogReading(async (tell, signal) => {
      const output: ReadingOutput = {
        line: () => undefined,
        warn: () => undefined,
        status: ({ parts, share }) => tell({ text: parts.join(", "), share: share ?? null }),
        clear: () => undefined,
      };
      const own = { ...options, signal, concurrency: AT_ONCE };
      const { images, local } = await openAny(source, own, output);
      return local ?? images;
    });
    this.#open.set(id, reading);
    return id;
  }

  status(id: string): DataStatus {
    const { problem, ...status } = this.#reading(id).status;
    return { ...status, problem: problem === undefined ? null : describeError(problem).line };
  }

  catalog(id: string): ImageCatalog {
    const reading = this.#reading(id);
    if (!reading.status.isRead) throw new HttpError(409, "these images are not read yet; wait for them");
    return reading.catalog;
  }

  /** For work on a catalog: it ends when the data set is closed. */
  cooperation(id: string): Cooperation {
    return this.#reading(id).cooperation;
  }

  near(id: string): NearSummary {
    const { near } = this.#reading(id);
    if (near === undefined) throw new HttpError(409, "near-duplicates are not known yet; wait for them");
    return near;
  }

  /** Does nothing for one that is not open. */
  close(id: string): void {
    this.#open.get(id)?.close();
    this.#open.delete(id);
  }

  closeAll(): void {
    for (const id of [...this.#open.keys()]) this.close(id);
  }

  #reading(id: string): CatalogReading {
    const reading = this.#open.get(id);
    if (reading !== undefined) return reading;
    throw new HttpError(404, `this data set is no longer open (the last ${MOST_OPEN} are); read it again`);
  }
}
