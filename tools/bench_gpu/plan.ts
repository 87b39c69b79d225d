// What bench:gpu measures: the sizes, the presets and the counts, of Imago and of PyTorch alike.

import { PRECISIONS, type Precision } from "../../src/engine/precision.ts";
import { unet2DConfigToJson } from "../../src/models/unet_2d_config.ts";
import { PRESETS, type PresetName, presetModel } from "../../src/training/presets.ts";
import type { Line } from "../bench_runs.ts";

/** Steps of a preset: of its training, or of drawing its images. */
export interface StepsCase {
  readonly preset: PresetName;
  readonly batchSize: number;
}

/** A convolution of 3 x 3 with both of its gradients. */
export interface Convolution {
  /** [N, H, W, Ci]. */
  readonly image: readonly [number, number, number, number];
  readonly co: number;
}

/** How PyTorch computes. */
interface TorchMode {
  readonly compiled: boolean;
  /** "tf32" multiplies in 10 bits and adds in f32; "bf16" is autocast in steps, and the type of arrays elsewhere. */
  readonly precision: "f32" | "tf32" | "bf16";
  readonly channelsLast: boolean;
}

export interface Plan {
  /** Runs of an operation, and steps of a preset, that are timed: at most, and at least even if time is short. */
  readonly runs: number;
  readonly steps: number;
  readonly leastSteps: number;
  /** Side of square matrices. */
  readonly products: readonly number[];
  readonly convolutions: readonly Convolution[];
  readonly presets: readonly StepsCase[];
  /** Of Imago's steps. */
  readonly precisions: readonly Precision[];
  readonly torch: {
    /** Steps that are not timed: the first ones choose algorithms, fill the allocator, and compile. */
    readonly warmup: number;
    /** The compiler of `torch.compile`. */
    readonly compiler: "inductor" | "aot_eager";
    /** The most important ones first. */
    readonly modes: readonly TorchMode[];
  };
}

const mode = (precision: TorchMode["precision"], more: Partial<TorchMode> = {}): TorchMode => ({
  compiled: false,
  channelsLast: false,
  precision,
  ...more,
});

export const WHOLE: Plan = {
  runs: 7,
  steps: 10,
  leastSteps: 3,
  products: [256, 1024, 4096],
  convolutions: [
    { image: [16, 32, 32, 128], co: 128 },
    { image: [16, 16, 16, 256], co: 256 },
    { image: [4, 128, 128, 128], co: 128 },
  ],
  presets: (["quick", "butterflies32", "butterflies128"] as const).map((preset) => ({
    preset,
    batchSize: PRESETS[preset].settings.batchSize,
  })),
  precisions: PRECISIONS,
  torch: {
    warmup: 3,
    compiler: "inductor",
    modes: [
      ...[mode("f32"), mode("tf32"), mode("bf16")],
      ...[mode("bf16", { channelsLast: true }), mode("tf32", { channelsLast: true })],
      ...[
        mode("f32", { compiled: true }),
        mode("tf32", { compiled: true }),
        mode("bf16", { compiled: true }),
      ],
      mode("bf16", { compiled: true, channelsLast: true }),
    ],
  },
};

/** For a GPU in software, and PyTorch on the processor, where inductor takes minutes to compile a model. */
export const DRY: Plan = {
  runs: 2,
  steps: 1,
  leastSteps: 1,
  products: [64],
  convolutions: [{ image: [1, 8, 8, 8], co: 8 }],
  presets: [{ preset: "quick32", batchSize: 1 }],
  // A model takes a software GPU minutes; fp32 differs by its kernels only.
  precisions: ["fp16"],
  torch: {
    warmup: 1,
    compiler: "aot_eager",
    modes: [mode("f32"), mode("bf16", { channelsLast: true }), mode("f32", { compiled: true })],
  },
};

/** A part of PyTorch's work, as tools/python/bench_gpu.py reads it. */
export interface TorchCase {
  /** The part's name, with which its line begins. */
  readonly name: Line;
  readonly compiled: boolean;
  readonly precision: TorchMode["precision"];
  readonly channels_last: boolean;
}

/** All that tools/python/bench_gpu.py needs to know. */
export interface TorchPlan {
  readonly runs: number;
  readonly steps: number;
  readonly warmup: number;
  readonly compiler: string;
  /** By preset: the config of diffusers' UNet2DModel, and what its training does beside AdamW. */
  readonly models: Readonly<Record<string, Line>>;
  readonly cases: readonly TorchCase[];
}

export function torchPlan({ runs, steps, products, convolutions, presets, torch }: Plan): TorchPlan {
  const casesOf = ({ compiled, precision, channelsLast }: TorchMode): TorchCase[] => {
    const words = [compiled ? "compiled" : "eager", precision, ...(channelsLast ? ["channels_last"] : [])];
    const names = (part: string, sizes: readonly Line[]): Line[] =>
      sizes.map((size) => ({ part, library: "pytorch", mode: words.join(" "), ...size }));
    const models = presets.map(({ preset, batchSize }) => ({ preset, batch_size: batchSize }));
    // Alone, operations are calls of the same libraries when compiled; matrices have no channels.
    const operations = [
      ...(compiled || channelsLast
        ? []
        : names(
            "product",
            products.map((size) => ({ size })),
          )),
      ...(compiled
        ? []
        : names(
            "convolution",
            convolutions.map(({ image, co }) => ({ image, co })),
          )),
    ];
    return [...names("training", models), ...operations, ...names("sampling", models)].map((name) => ({
      name,
      compiled,
      precision,
      channels_last: channelsLast,
    }));
  };
  return {
    runs,
    steps,
    warmup: torch.warmup,
    compiler: torch.compiler,
    models: Object.fromEntries(presets.map(({ preset }) => [preset, modelOf(preset)])),
    cases: torch.modes.flatMap(casesOf),
  };
}

function modelOf(preset: PresetName): Line {
  const { maxGradNorm, emaMaxDecay } = PRESETS[preset].settings;
  return {
    config: unet2DConfigToJson(presetModel(PRESETS[preset]).config),
    max_grad_norm: maxGradNorm,
    ema: emaMaxDecay !== null,
  };
}
