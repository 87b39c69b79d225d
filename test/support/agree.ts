// Holds backends against the float64 reference: values and gradients of whatever a function builds.

import { expect } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { numel, type Shape } from "../../src/engine/shape.ts";
import { grad, input, type Tensor } from "../../src/engine/tensor.ts";
import { numbers } from "../engine/numbers.ts";
import { distance, norm } from "./compare.ts";

const reference = new ReferenceBackend();

/**
 * Outputs of `build`, and the gradients of a weighted sum of each, must agree with the reference, which computes them
 * once for all backends.
 * @param tolerance of ‖a−b‖/‖b‖
 */
export async function agreeOn(
  judged: readonly Backend[],
  shapes: readonly Shape[],
  build: (...x: Tensor[]) => Tensor | Tensor[],
  tolerance = 2e-6,
): Promise<void> {
  const inputs = shapes.map((shape) => input(shape));
  const built = build(...inputs);
  const outputs = Array.isArray(built) ? built : [built];
  const weights = outputs.map((output) => input(output.shape));
  const loss = outputs.map((output, i) => output.mul(weights[i]).sum()).reduce((a, b) => a.add(b));
  const program = {
    name: "agree",
    inputs: [...inputs, ...weights],
    outputs: [...outputs, ...grad(loss, inputs)],
  };
  const feeds = program.inputs.map((x, i) => numbers(numel(x.shape), 17 + i));
  const expected = await (await reference.compile(program)).run(feeds);
  for (const backend of judged) {
    const executable = await backend.compile(program);
    for (const [i, got] of (await executable.run(feeds)).entries()) {
      const scale = norm(expected[i]) + 1e-3 * Math.sqrt(got.length);
      const result = `result ${i} of ${program.outputs.length} on ${backend.name}`;
      expect(distance(got, expected[i]) / scale, result).toBeLessThan(tolerance);
    }
    executable.dispose();
  }
}
