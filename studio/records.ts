// The records of a run's steps, read as they grow.

import * as v from "valibot";
import type { Place } from "./places/place.ts";

const recordSchema = v.object({
  step: v.pipe(v.number(), v.integer(), v.minValue(1)),
  loss: v.number(),
  lr: v.optional(v.number()),
  grad_norm: v.optional(v.number()),
  images_per_second: v.optional(v.number()),
  seconds: v.number(),
  patch_fd: v.optional(v.number()),
  patch_kd: v.optional(v.number()),
});
export type StepRecord = v.InferOutput<typeof recordSchema>;

/** The quantities that curves show. */
export const QUANTITIES = {
  loss: "loss",
  grad_norm: "gradient norm",
  lr: "learning rate",
  images_per_second: "images per second",
  patch_fd: "patch FD",
} as const;
export type Quantity = keyof typeof QUANTITIES;

export const isQuantity = (name: string): name is Quantity => name in QUANTITIES;

/** Follows a run's records. */
export class Records {
  readonly steps: StepRecord[] = [];
  readonly #place: Place;
  readonly #name: string;
  #next = 0;
  #rest = "";

  constructor(place: Place, name: string) {
    this.#place = place;
    this.#name = name;
  }

  /** Reads what is new. @returns whether there was something */
  async update(): Promise<boolean> {
    let isNew = false;
    for (;;) {
      const { text, next } = await this.#place.recordsFrom(this.#name, this.#next);
      if (next === this.#next) return isNew;
      this.#next = next;
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.#add(line);
      isNew = true;
    }
  }

  #add(line: string): void {
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch {
      return;
    }
    const record = v.safeParse(recordSchema, json);
    if (!record.success) return;
    // A run that was continued from an earlier checkpoint has its later steps anew.
    while (this.steps.length > 0 && (this.steps.at(-1)?.step ?? 0) >= record.output.step) this.steps.pop();
    this.steps.push(record.output);
  }
}

/** The moving average of values, by the share of the old one that is kept; undefined where there is none yet. */
export function smoothed(values: readonly (number | undefined)[], kept: number): (number | undefined)[] {
  let sum = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === undefined) return undefined;
    sum = kept * sum + (1 - kept) * value;
    weight = kept * weight + (1 - kept);
    return sum / weight;
  });
}
