// Ten UNets made by diffusers: output, loss and the gradient of every parameter and of the input, tensor by tensor.

import { describe, expect, test } from "vitest";
import { grad, input } from "../../src/engine/tensor.ts";
import { oihwToHwio } from "../../src/io/filter_layout.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import type { Parameter } from "../../src/nn/parameter.ts";
import { backends } from "../support/backends.ts";
import { norm, relativeError } from "../support/compare.ts";
import { GoldenTensors, readJsonFixture } from "../support/golden.ts";

/**
 * How much more than its tolerance a backend may be away. The angles of the Fourier embedding reach hundreds of
 * radians, and Python rounded them to float32 (3e-5 at 500) before the sine.
 */
const slack: Readonly<Record<string, number>> = {
  plain: 1,
  course_shape: 1,
  ddpm_cifar_style: 1,
  class_conditional: 1,
  learned_time_timestep_class: 1,
  scale_shift: 1,
  resnet_resample_learned_variance: 1,
  non_square_no_mid_attention: 1,
  odd_channels_three_levels: 1,
  fourier_time: 5,
};

/**
 * Some gradients are zero by mathematics: of what a norm of one-channel groups subtracts again, of a key's bias that
 * softmax does not see. There Python left rounding noise, below this share of the whole gradient's norm; all
 * gradients that are not zero are above ten times this share.
 */
const VANISHING = 1e-6;

const goldenGradient = (golden: GoldenTensors, { name, layout }: Parameter): Float32Array => {
  const values = golden.floats(`grad.${name}`);
  return layout === "conv" ? oihwToHwio(values, golden.shape(`grad.${name}`)) : values;
};

describe.each(backends)("on $name", ({ create, tolerance }) => {
  test.each(Object.keys(slack))("%s gives diffusers' output and gradients", async (name) => {
    const golden = await GoldenTensors.read(`unet2d/${name}.safetensors`);
    const model = UNet2DModel.fromConfig(await readJsonFixture(`unet2d/${name}.config.json`));
    model.loadStateDict(golden.stateDict("param."));
    const parameters = [...model.namedParameters().values()].filter(({ trainable }) => trainable);
    expect(parameters.map((parameter) => `grad.${parameter.name}`).toSorted()).toEqual(
      golden
        .names()
        .filter((key) => key.startsWith("grad."))
        .toSorted(),
    );

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

    const backend = await create();
    try {
      model.upload(backend);
      const executable = await backend.compile({
        name,
        inputs: [sample, timestep, target, ...(classLabels === undefined ? [] : [classLabels])],
        outputs: [output, loss, ...gradients],
      });
      const [gotOutput, gotLoss, gotSample, ...got] = await executable.run([
        images.data,
        golden.integers("timestep"),
        wanted.data,
        ...(classLabels === undefined ? [] : [golden.integers("class_labels")]),
      ]);

      const bound = tolerance * slack[name];
      expect(relativeError(gotOutput, golden.image("output").data), "output").toBeLessThan(bound);
      expect(relativeError(gotLoss, golden.floats("loss")), "loss").toBeLessThan(bound);
      expect(relativeError(gotSample, golden.image("grad_sample").data), "grad_sample").toBeLessThan(bound);
      const expected = parameters.map((parameter) => goldenGradient(golden, parameter));
      const whole = Math.hypot(...expected.map(norm));
      for (const [i, { name: key }] of parameters.entries()) {
        const share = norm(expected[i]) / whole;
        if (share < VANISHING) {
          expect(norm(got[i]) / whole, key).toBeLessThan(VANISHING);
        } else {
          expect(share, key).toBeGreaterThan(10 * VANISHING);
          expect(relativeError(got[i], expected[i]), key).toBeLessThan(bound);
        }
      }
    } finally {
      await backend.close();
    }
  });
});
