// One of the ten UNets made by diffusers, computed by a backend: how far output, loss and gradients are from Python's. Runs
// in Node and in a page.

import type { Backend } from "../../src/engine/backend.ts";
import { grad, input } from "../../src/engine/tensor.ts";
import { oihwToHwio } from "../../src/io/filter_layout.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import type { Parameter } from "../../src/nn/parameter.ts";
import { norm, relativeError } from "./compare.ts";
import type { GoldenTensors } from "./golden_tensors.ts";

/** Relative errors, ‖a−b‖/‖b‖. */
export interface UNetErrors {
  /** Of the output, the loss and the gradient of the input. */
  readonly output: number;
  readonly loss: number;
  readonly gradSample: number;
  readonly parameters: readonly GradientError[];
  /** Names of the gradients that Python has. */
  readonly golden: readonly string[];
}

export interface GradientError {
  readonly name: string;
  readonly error: number;
  /** Share of Python's gradient in the norm of the whole gradient, and of ours. */
  readonly share: number;
  readonly ownShare: number;
}

export async function unetErrors(
  golden: GoldenTensors,
  config: unknown,
  backend: Backend,
): Promise<UNetErrors> {
  const model = UNet2DModel.fromConfig(config);
  model.loadStateDict(golden.stateDict("param."));
  const parameters = [...model.namedParameters().values()].filter(({ trainable }) => trainable);
  const images = golden.image("sample");
  const wanted = golden.image("target");
  const [n] = images.shape;
  const sample = input(images.shape, "f32", "sample");
  const timestep = input([n], "i32", "timestep");
  const target = input(wanted.shape, "f32", "target");
  const classLabels = golden.has("class_labels") ? input([n], "i32", "classLabels") : undefined;
  const output = model.forward(sample, timestep, classLabels === undefined ? {} : { classLabels });
  const loss = output.sub(target).square().mean();
  const gradients = grad(loss, [sample, ...parameters.map(({ tensor }) => tensor)]);

  model.upload(backend);
  const executable = await backend.compile({
    name: "golden",
    inputs: [sample, timestep, target, ...(classLabels === undefined ? [] : [classLabels])],
    outputs: [output, loss, ...gradients],
  });
  const [gotOutput, gotLoss, gotSample, ...got] = await executable.run([
    images.data,
    golden.integers("timestep"),
    wanted.data,
    ...(classLabels === undefined ? [] : [golden.integers("class_labels")]),
  ]);
  executable.dispose();

  const expected = parameters.map((parameter) => goldenGradient(golden, parameter));
  const whole = Math.hypot(...expected.map(norm));
  return {
    output: relativeError(gotOutput, golden.image("output").data),
    loss: relativeError(gotLoss, golden.floats("loss")),
    gradSample: relativeError(gotSample, golden.image("grad_sample").data),
    parameters: parameters.map(({ name }, i) => ({
      name,
      error: relativeError(got[i], expected[i]),
      share: norm(expected[i]) / whole,
      ownShare: norm(got[i]) / whole,
    })),
    golden: golden.names().flatMap((key) => (key.startsWith("grad.") ? [key.slice("grad.".length)] : [])),
  };
}

function goldenGradient(golden: GoldenTensors, { name, layout }: Parameter): Float32Array {
  const values = golden.floats(`grad.${name}`);
  return layout === "conv" ? oihwToHwio(values, golden.shape(`grad.${name}`)) : values;
}
