// Any model made by Python with its inputs and outputs, computed by a backend: how far outputs, loss and gradients are
// from Python's. Images have four axes, and are channels first in files.

import { expect } from "vitest";
import type { Backend } from "../../src/engine/backend.ts";
import { grad, input, type Tensor } from "../../src/engine/tensor.ts";
import { oihwToHwio } from "../../src/io/filter_layout.ts";
import type { Module } from "../../src/nn/module.ts";
import type { Parameter } from "../../src/nn/parameter.ts";
import { norm, relativeError } from "./compare.ts";
import type { GoldenTensors } from "./golden_tensors.ts";

/** Tensors by name. */
export type Named = Readonly<Record<string, Tensor>>;

/** One result, and Python's. */
interface Compared {
  readonly name: string;
  /** ‖a−b‖/‖b‖. */
  readonly error: number;
  /** Norms, ours and Python's. */
  readonly own: number;
  readonly golden: number;
}

/** All results of a model. */
export interface ModelErrors {
  readonly outputs: readonly Compared[];
  readonly gradients: readonly Compared[];
}

/**
 * @param model without values; gets those of the fixture
 * @param forward the outputs that the fixture has, from its inputs
 */
export async function modelErrors(
  golden: GoldenTensors,
  model: Module,
  forward: (inputs: Named) => Named,
  backend: Backend,
): Promise<ModelErrors> {
  model.loadStateDict(golden.stateDict("param."));
  const parameters = [...model.namedParameters().values()].filter(({ trainable }) => trainable);
  const given = namesOf(golden, "input.").map((name) => {
    const value = golden.value(`input.${name}`);
    const tensor = input(value.shape, value.data instanceof Int32Array ? "i32" : "f32", name);
    return { name, value, tensor };
  });
  const outputs = Object.entries(
    forward(Object.fromEntries(given.map(({ name, tensor }) => [name, tensor]))),
  );
  expect(outputs.map(([name]) => name).toSorted()).toEqual(namesOf(golden, "output.").toSorted());
  const targets = outputs.map(([name]) => golden.value(`target.${name}`));
  const wanted = targets.map(({ shape }) => input(shape));
  const loss = outputs
    .map(([, output], i) => output.sub(wanted[i]).square().mean())
    .reduce((sum, term) => sum.add(term));
  const moved = given.filter(({ name }) => golden.has(`grad_input.${name}`));
  const wrt = [...moved.map(({ tensor }) => tensor), ...parameters.map(({ tensor }) => tensor)];

  model.upload(backend);
  const executable = await backend.compile({
    name: "golden",
    inputs: [...given.map(({ tensor }) => tensor), ...wanted],
    outputs: [...outputs.map(([, output]) => output), loss, ...grad(loss, wrt)],
  });
  const results = await executable.run([
    ...given.map(({ value }) => value.data),
    ...targets.map(({ data }) => data),
  ]);
  executable.dispose();

  const expected = [
    ...outputs.map(([name]) => ({ name, data: golden.value(`output.${name}`).data })),
    { name: "loss", data: golden.floats("loss") },
    ...moved.map(({ name }) => ({ name: `input ${name}`, data: golden.value(`grad_input.${name}`).data })),
    ...parameters.map((parameter) => ({ name: parameter.name, data: goldenGradient(golden, parameter) })),
  ];
  const compared = expected.map(({ name, data }, i) => ({
    name,
    error: relativeError(results[i], data),
    own: norm(results[i]),
    golden: norm(data),
  }));
  return { outputs: compared.slice(0, outputs.length + 1), gradients: compared.slice(outputs.length + 1) };
}

/** Share of a gradient in the largest below which it is zero by mathematics: a key's bias, that softmax does not see. */
const VANISHING = 1e-6;

/** @param tolerance of the backend */
export function expectGoldenModel({ outputs, gradients }: ModelErrors, tolerance: number): void {
  for (const { name, error } of outputs) expect(error, name).toBeLessThan(tolerance);
  const largest = Math.max(...gradients.map(({ golden }) => golden));
  for (const { name, error, own, golden } of gradients) {
    if (golden < VANISHING * largest) {
      expect(own / largest, name).toBeLessThan(VANISHING);
    } else {
      expect(golden / largest, name).toBeGreaterThan(10 * VANISHING);
      expect(error, name).toBeLessThan(tolerance);
    }
  }
}

const namesOf = (golden: GoldenTensors, prefix: string): string[] =>
  golden.names().flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));

function goldenGradient(golden: GoldenTensors, { name, layout }: Parameter): Float32Array {
  const values = golden.floats(`grad.${name}`);
  return layout === "conv" ? oihwToHwio(values, golden.shape(`grad.${name}`)) : values;
}
