// Evaluates graphs in float64 from end to end: backends take and give float32, too coarse for finite differences.

import { evaluate } from "../../src/engine/backends/reference/evaluate.ts";
import { type Node, topologicalOrder } from "../../src/engine/graph.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";

/** The values of `roots`, given those of the inputs and variables they depend on. */
export function evaluate64(
  roots: readonly Node[],
  leaves: ReadonlyMap<Node, Float64Array>,
): readonly Float64Array[] {
  const values = new Map<Node, Float64Array>();
  const lookUp = (source: ReadonlyMap<Node, Float64Array>, node: Node): Float64Array => {
    const value = source.get(node);
    if (value === undefined) throw new Error(`no value for ${node.op.kind}`);
    return value;
  };
  for (const node of topologicalOrder(roots)) {
    const inputs = node.inputs.map((source) => lookUp(values, source));
    values.set(
      node,
      evaluate(node, inputs, (leaf) => lookUp(leaves, leaf)),
    );
  }
  return roots.map((root) => lookUp(values, root));
}

/** `size` numbers from `low` to `high`, decided by the seed. */
export function random64(seed: number, size: number, low = -1, high = 1): Float64Array {
  const generator = new TorchGenerator(seed);
  return Float64Array.from({ length: size }, () => low + (high - low) * generator.uniformDouble());
}
