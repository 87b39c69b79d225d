// Weights of x_0 and ε: sums of the sample and the model's output, for solvers that round once per step.

import type { NoiseLevel, SolverPredictionType } from "./prediction.ts";

/** The result is `sample` times x plus `output` times the model's output. */
export interface PredictionWeights {
  readonly sample: number;
  readonly output: number;
}

/** x_0 = (x - σ ε) / α; for v = α ε - σ x_0: α x - σ v; for a flow's output ε - x_0 (α + σ = 1): x - σ output. */
export function originalWeights(type: SolverPredictionType, { alpha, sigma }: NoiseLevel): PredictionWeights {
  switch (type) {
    case "epsilon":
      return { sample: 1 / alpha, output: -sigma / alpha };
    case "sample":
      return { sample: 0, output: 1 };
    case "v_prediction":
      return { sample: alpha, output: -sigma };
    case "flow_prediction":
      return { sample: 1, output: -sigma };
    default:
      throw new RangeError(`prediction type ${String(type satisfies never)} is unknown`);
  }
}

/** ε = (x - α x_0) / σ; for v it is α v + σ x; for a flow x + α output. */
export function epsilonWeights(type: SolverPredictionType, { alpha, sigma }: NoiseLevel): PredictionWeights {
  switch (type) {
    case "epsilon":
      return { sample: 0, output: 1 };
    case "sample":
      return { sample: 1 / sigma, output: -alpha / sigma };
    case "v_prediction":
      return { sample: sigma, output: alpha };
    case "flow_prediction":
      return { sample: 1, output: alpha };
    default:
      throw new RangeError(`prediction type ${String(type satisfies never)} is unknown`);
  }
}
