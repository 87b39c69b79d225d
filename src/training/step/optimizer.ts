// The optimizer of each parameter: AdamW for all, or Muon for the matrices of hidden layers and AdamW for the others.

import type { Tensor } from "../../engine/tensor.ts";
import { type AdamWOptions, type AdamWScalars, adamw, adamwScalars } from "../../nn/adamw.ts";
import type { Module } from "../../nn/module.ts";
import { type MuonOptions, type MuonScalars, muon, muonScalars } from "../../nn/muon.ts";
import type { Parameter } from "../../nn/parameter.ts";
import { Shadow } from "../../nn/shadow.ts";
import type { ProgramInputs } from "./program_inputs.ts";

/** Names of optimizers. */
export const OPTIMIZERS = ["adamw", "muon"] as const;
/** The name of an optimizer. @useDeclaredType */
export type OptimizerName = (typeof OPTIMIZERS)[number];

/** Options of the optimizer of a training step. */
export interface OptimizerOptions {
  /** For all parameters that Muon does not train. */
  readonly adamw: AdamWOptions;
  /** Muon for the parameters of `isMuons`. Default: AdamW for all. */
  readonly muon?: MuonOptions;
  /** Whether Muon trains a parameter. Default: `isHiddenMatrix`, which knows the names of diffusers' UNets. */
  readonly isMuons?: (parameter: Parameter) => boolean;
}

/** What the optimizer remembers from step to step. Start: setZero(). */
export interface OptimizerMoments {
  /** AdamW's moments of the parameters that it trains. */
  readonly expAvg: Shadow;
  /** AdamW's moving averages of squared gradients. */
  readonly expAvgSq: Shadow;
  /** Muon's momentum of the parameters that it trains; of none without Muon. */
  readonly momentumBuffer: Shadow;
}

/** The arguments of one run that an optimizer's scalars depend on. */
interface OptimizerFeeds {
  /** Optimizer steps done before this one. */
  readonly step: number;
  readonly learningRate: number;
}

/**
 * The first and last layers of a model, and the layers that embed timesteps, classes and augmentations: their
 * rows or columns belong to single channels, frequencies or classes, which Muon would give equal weight.
 */
const OUTER_LAYER = /^(conv_in|conv_out|time_proj|\w+_embedding)\./;

/**
 * Whether Muon trains a parameter: a filter or the weight of a linear layer, but not of an outer layer (Jordan 2024).
 * Biases and norms are vectors.
 */
export const isHiddenMatrix = ({ name, torchShape }: Pick<Parameter, "name" | "torchShape">): boolean =>
  torchShape.length > 1 && !OUTER_LAYER.test(name);

/** A new value of a variable. */
interface Update {
  readonly target: Tensor;
  readonly value: Tensor;
}

/** The optimizer of one program. F: the argument of a run. */
export class Optimizer<F extends OptimizerFeeds> {
  readonly moments: OptimizerMoments;
  readonly #options: OptimizerOptions;
  readonly #adamw: AdamWScalars<Tensor>;
  readonly #muon: (MuonOptions & { readonly scalars: MuonScalars<Tensor> }) | null;

  /** Declares its scalars among the program's inputs. @param network of which it trains all trainable parameters */
  constructor(options: OptimizerOptions, inputs: ProgramInputs<F>, network: Module) {
    const { adamw, muon } = options;
    this.#options = options;
    const ofAdamW = ({ step, learningRate }: F) => adamwScalars(step, learningRate, adamw);
    this.#adamw = {
      keep: inputs.scalar("keep", (given) => ofAdamW(given).keep),
      stepSize: inputs.scalar("stepSize", (given) => ofAdamW(given).stepSize),
      biasCorrection2Sqrt: inputs.scalar(
        "biasCorrection2Sqrt",
        (given) => ofAdamW(given).biasCorrection2Sqrt,
      ),
    };
    this.#muon = muon === undefined ? null : { ...muon, scalars: muonInputs(muon, inputs) };
    const { isMuons = isHiddenMatrix } = options;
    const trainable = [...network.namedParameters()].filter(([, { trainable }]) => trainable);
    const matrices = new Set<string>();
    const others = new Set<string>();
    for (const [name, parameter] of trainable) {
      (muon !== undefined && isMuons(parameter) ? matrices : others).add(name);
    }
    this.moments = {
      expAvg: new Shadow(network, others),
      expAvgSq: new Shadow(network, others),
      momentumBuffer: new Shadow(network, matrices),
    };
  }

  /** Computes the new weight, and the new values of it and of its moments. */
  update(
    name: string,
    weight: Tensor,
    gradient: Tensor,
  ): { readonly weight: Tensor; readonly updates: Update[] } {
    const { expAvg, expAvgSq, momentumBuffer } = this.moments;
    if (this.#muon !== null && momentumBuffer.has(name)) {
      const before = { weight, momentumBuffer: momentumBuffer.tensor(name) };
      const after = muon(before, gradient, this.#muon.scalars, this.#muon);
      return {
        weight: after.weight,
        updates: [
          { target: weight, value: after.weight },
          { target: before.momentumBuffer, value: after.momentumBuffer },
        ],
      };
    }
    const before = { weight, expAvg: expAvg.tensor(name), expAvgSq: expAvgSq.tensor(name) };
    const after = adamw(before, gradient, this.#adamw, this.#options.adamw);
    return {
      weight: after.weight,
      updates: [
        { target: weight, value: after.weight },
        { target: before.expAvg, value: after.expAvg },
        { target: before.expAvgSq, value: after.expAvgSq },
      ],
    };
  }
}

function muonInputs<F extends OptimizerFeeds>(
  options: MuonOptions,
  inputs: ProgramInputs<F>,
): MuonScalars<Tensor> {
  return {
    keep: inputs.scalar("muonKeep", ({ learningRate }) => muonScalars(learningRate, options).keep),
    learningRate: inputs.scalar("learningRate", ({ learningRate }) => learningRate),
  };
}
