// A batch that does not fit is refused with the largest that does, also where the limit is not one of the whole memory.

import { expect, test } from "vitest";
import type { MemoryNeed, ProgramSpec } from "../../src/engine/backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { buildFittingStep } from "../../src/training/step/compile_step.ts";
import { tinyStep } from "../support/tiny_step.ts";

/** Refuses an array of more than 5 images, and otherwise has all the memory of the world. */
class FewImages extends ReferenceBackend {
  override memory({ inputs }: ProgramSpec): MemoryNeed {
    const images = Math.max(...inputs.map(({ shape }) => (shape.length === 4 ? shape[0] : 0)));
    return images > this.most
      ? { needed: 100 * images, available: 99 }
      : { needed: 1e9, available: Number.POSITIVE_INFINITY };
  }

  readonly most: number;

  constructor(most: number) {
    super();
    this.most = most;
  }
}

test("the largest batch that fits is named", () => {
  const backend = new FewImages(5);
  expect(() => buildFittingStep(backend, tinyStep(5))).not.toThrow();
  expect(() => buildFittingStep(backend, tinyStep(6))).toThrow("--batch-size 5 fits");
  expect(() => buildFittingStep(backend, tinyStep(64))).toThrow("--batch-size 5 fits");
});

test("where none fits, a smaller model is advised", () => {
  expect(() => buildFittingStep(new FewImages(0), tinyStep(4))).toThrow(
    "no batch fits; use a smaller model or size",
  );
});
