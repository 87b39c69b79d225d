// Flow matching against the same computed in float64, and refused objectives.

import { describe, expect, test } from "vitest";
import { ReferenceBackend } from "../../src/engine/backends/reference/backend.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { constant, input, type Tensor } from "../../src/engine/tensor.ts";
import { UNet2DModel } from "../../src/models/unet_2d_model.ts";
import { adamwDefaults } from "../../src/nn/adamw.ts";
import { DDPMScheduler } from "../../src/schedulers/ddpm.ts";
import { minSnrWeight } from "../../src/training/step/losses.ts";
import { batchLevels, type FlowObjective, type Objective } from "../../src/training/step/objective.ts";
import { buildTrainStep, type TrainStepOptions } from "../../src/training/step/train_step.ts";
import { tinyUNet } from "../pipelines/support.ts";

async function evaluate(outputs: readonly Tensor[]): Promise<Float32Array[]> {
  const executable = await new ReferenceBackend().compile({
    name: "test",
    inputs: [],
    outputs: [...outputs],
  });
  return executable.run([]);
}

const flow = (shift: number): FlowObjective => ({
  predictionType: "flow_prediction",
  numTrainTimesteps: 1000,
  shift,
});
const DRAWN = [0, 1, 125.5, 500, 871.25, 1000];

describe.each([1, 3, 0.5])("a flow shifted by %f", (shift) => {
  const sigmas = DRAWN.map((t) => ((t / 1000) * shift) / (1 + (shift - 1) * (t / 1000)));

  test("mixes (1 - σ) of the image with σ of the noise and tells the model σ T", async () => {
    const { timesteps, alpha, sigma, weight } = batchLevels(
      flow(shift),
      constant(Float32Array.from(DRAWN), [6]),
      { minSnrGamma: null },
    );
    expect(weight).toBeNull();
    const [t, a, s] = await evaluate([timesteps, alpha, sigma]);
    for (const [i, expected] of sigmas.entries()) {
      expect(s[i]).toBeCloseTo(expected, 6);
      expect(a[i]).toBeCloseTo(1 - expected, 6);
      expect(t[i]).toBeCloseTo(1000 * expected, 3);
    }
  });

  test("min-SNR weighs a mistake as it would that of x_0", async () => {
    const { weight } = batchLevels(flow(shift), constant(Float32Array.from(DRAWN), [6]), { minSnrGamma: 5 });
    const [weights] = await evaluate(weight === null ? [] : [weight]);
    for (const [i, sigma] of sigmas.entries()) {
      if (sigma === 0) {
        expect(weights[i]).toBe(0);
        continue;
      }
      // ᾱ with the same SNR; x_0 is off by σ times what the flow is off by.
      const snr = ((1 - sigma) / sigma) ** 2;
      expect(weights[i]).toBeCloseTo(minSnrWeight("sample", snr / (1 + snr), 5) * sigma ** 2, 6);
    }
  });
});

const step = (objective: Objective, more: Partial<TrainStepOptions> = {}): TrainStepOptions => ({
  model: tinyUNet(),
  objective,
  batchSize: 3,
  height: 8,
  width: 8,
  adamw: adamwDefaults,
  maxGradNorm: null,
  ema: false,
  minSnrGamma: null,
  draws: "fed",
  ...more,
});

test.each([null, 5])("the loss of a flow is that of ε - x_0, min-SNR %s", async (minSnrGamma) => {
  const model = tinyUNet();
  const random = new TorchGenerator(5);
  const images = random.randn(3 * 192).map((x) => x / 2);
  const noise = random.randn(3 * 192);
  const drawn = Float32Array.of(100.25, 500, 900.5);
  const sigmas = [...drawn].map((t) => (3 * (t / 1000)) / (1 + 2 * (t / 1000)));
  const sigmaOf = (i: number) => sigmas[Math.floor(i / 192)];

  const backend = new ReferenceBackend();
  model.upload(backend);
  const [x, t] = [input([3, 8, 8, 3]), input([3])];
  const forward = await backend.compile({ name: "forward", inputs: [x, t], outputs: [model.forward(x, t)] });
  const noisy = images.map((clean, i) => (1 - sigmaOf(i)) * clean + sigmaOf(i) * noise[i]);
  const [prediction] = await forward.run([noisy, Float32Array.from(sigmas, (sigma) => 1000 * sigma)]);
  const expected = sigmas.map((sigma, n) => {
    const squares = [...prediction.subarray(n * 192, (n + 1) * 192)].map((u, i) => {
      const at = n * 192 + i;
      return (u - (noise[at] - images[at])) ** 2;
    });
    const weight = minSnrGamma === null ? 1 : Math.min((1 - sigma) ** 2, minSnrGamma * sigma ** 2);
    return (weight * squares.reduce((a, b) => a + b, 0)) / 192;
  });

  const trainStep = buildTrainStep(step(flow(3), { model, minSnrGamma }));
  for (const moment of [trainStep.expAvg, trainStep.expAvgSq]) moment.setZero().upload(backend);
  const executable = await backend.compile(trainStep.program);
  const [[loss]] = await executable.run(
    trainStep.feeds({ images, noise, timesteps: drawn, step: 0, learningRate: 0 }),
  );
  expect(loss).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / 3, 5);
});

test("epsilon with zero terminal SNR and a flow with a learned time embedding are refused", () => {
  const { alphasCumprod } = new DDPMScheduler({ rescaleBetasZeroSnr: true });
  expect(() => buildTrainStep(step({ predictionType: "epsilon", alphasCumprod }))).toThrow(
    "use --prediction-type v_prediction or sample, or --no-rescale-betas-zero-snr",
  );
  for (const predictionType of ["sample", "v_prediction"] as const) {
    expect(() => buildTrainStep(step({ predictionType, alphasCumprod }))).not.toThrow();
  }
  const model = new UNet2DModel({
    ...tinyUNet().config,
    timeEmbeddingType: "learned",
    numTrainTimesteps: 1000,
  });
  expect(() => buildTrainStep(step(flow(1), { model }))).toThrow("learned time embedding");
});
