// The checks that every backend makes: programs before compiling, values before writing, feeds before a run.

import type { HostArray, ProgramSpec } from "./backend.ts";
import type { Capabilities } from "./capabilities.ts";
import { holds } from "./elements.ts";
import { topologicalOrder } from "./graph.ts";
import { numel, sameShape, showShape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * @throws when an output is not f32, an update differs in type or shape from its variable, or the backend does not have
 * the type of an element
 */
export function checkProgram({ name, outputs, updates = [] }: ProgramSpec, { dtypes }: Capabilities): void {
  const roots = [...outputs, ...updates.map(({ value }) => value)].map(({ node }) => node);
  for (const { dtype, op } of topologicalOrder(roots)) {
    if (dtypes.includes(dtype)) continue;
    throw new Error(`${name}: ${op.kind} is ${dtype}, but the backend has ${dtypes.join(", ")}; cast it`);
  }
  for (const { dtype } of outputs) {
    if (dtype !== "f32") throw new Error(`${name}: outputs must be f32, got ${dtype}; cast it`);
  }
  for (const { target, value } of updates) {
    if (target.dtype === value.dtype && sameShape(target.shape, value.shape)) continue;
    const given = `${value.dtype}${showShape(value.shape)}`;
    throw new Error(
      `${name}: an update of ${target.dtype}${showShape(target.shape)} has the value ${given}; cast it`,
    );
  }
}

/** @throws when values do not match a variable's length or type. */
export function checkValues({ dtype, shape }: Tensor, data: HostArray): void {
  if (data.length !== numel(shape)) {
    throw new Error(`write: ${data.length} values do not fill ${showShape(shape)}`);
  }
  if (!holds(data, dtype)) throw new Error(`write: ${data.constructor.name} for a variable of ${dtype}`);
}

/** @throws when the number, type or length of the feeds does not match the program's inputs. */
export function checkFeeds(program: ProgramSpec, feeds: readonly HostArray[]): void {
  if (feeds.length !== program.inputs.length) {
    throw new Error(`${program.name}: wants ${program.inputs.length} inputs, got ${feeds.length}`);
  }
  for (const [i, tensor] of program.inputs.entries()) {
    const feed = feeds[i];
    if (!holds(feed, tensor.dtype) || feed.length !== numel(tensor.shape)) {
      const given = `${feed.constructor.name} of ${feed.length}`;
      throw new Error(
        `${program.name}: input ${i} is ${tensor.dtype}${showShape(tensor.shape)}, got ${given}`,
      );
    }
  }
}
