// A graph for people: one line for each node; and how often each kind of op occurs.

import { type Node, topologicalOrder } from "../../../src/engine/graph.ts";
import { showShape } from "../../../src/engine/shape.ts";
import type { RandomGraph } from "../random_graph.ts";

export function graphText({ program, roots }: RandomGraph): string {
  const order = topologicalOrder(roots);
  const numbers = new Map(order.map((node, i) => [node, i]));
  const name = (node: Node) => {
    const number = numbers.get(node);
    return number === undefined && "name" in node.op ? node.op.name : `n${number}`;
  };
  const lines = order.map((node) => {
    const { kind, ...rest } = node.op;
    const details = Object.entries(rest).map(([key, value]) => `${key}=${detail(value)}`);
    const given = [...node.inputs.map(name), ...details].join(", ");
    return `  ${name(node)} = ${kind}(${given}) ${node.dtype}${showShape(node.shape)}`;
  });
  const updates = (program.updates ?? []).map(
    ({ target, value }) => `  update ${name(target.node)} to ${name(value.node)}`,
  );
  const outputs = program.outputs.map(({ node }) => name(node)).join(", ");
  const invariant = program.batchInvariant ? ", whatever the batch" : "";
  return [`${program.name}${invariant}:`, ...lines, ...updates, `  outputs ${outputs}`].join("\n");
}

const detail = (value: unknown): string =>
  ArrayBuffer.isView(value) ? `${value.constructor.name}` : JSON.stringify(value);

/** "unary exp", "conv2d", .., once for each node of this kind. */
export function kindsOf({ roots }: RandomGraph): string[] {
  return topologicalOrder(roots).map(({ op, dtype }) => {
    if ("fn" in op) return `${op.kind} ${op.fn}`;
    if (op.kind === "random") return `${op.kind} ${op.distribution}`;
    return op.kind === "cast" ? `${op.kind} ${dtype}` : op.kind;
  });
}
