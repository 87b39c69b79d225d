// The check every backend makes before a run.

import type { HostArray, ProgramSpec } from "./backend.ts";
import { numel, showShape } from "./shape.ts";

/** @throws when the number, type or length of the feeds does not fit the program's inputs. */
export function checkFeeds(program: ProgramSpec, feeds: readonly HostArray[]): void {
  if (feeds.length !== program.inputs.length) {
    throw new Error(`${program.name}: wants ${program.inputs.length} inputs, got ${feeds.length}`);
  }
  for (const [i, tensor] of program.inputs.entries()) {
    const feed = feeds[i];
    const fits = tensor.dtype === "i32" ? feed instanceof Int32Array : feed instanceof Float32Array;
    if (!fits || feed.length !== numel(tensor.shape)) {
      const given = `${feed.constructor.name} of ${feed.length}`;
      throw new Error(
        `${program.name}: input ${i} is ${tensor.dtype}${showShape(tensor.shape)}, got ${given}`,
      );
    }
  }
}
