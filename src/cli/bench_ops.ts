// imago bench ops: single operations of the shapes that a preset's UNet has, one program each.

import type { Backend } from "../engine/backend.ts";
import { TorchGenerator } from "../engine/random/torch_generator.ts";
import { numel, type Shape, showShape } from "../engine/shape.ts";
import { grad, input, type Tensor } from "../engine/tensor.ts";
import { PRESETS, type PresetName } from "../training/presets.ts";
import type { Output } from "./output.ts";

export interface BenchOpsOptions {
  readonly preset: PresetName;
  readonly batchSize?: number;
  readonly repeat: number;
  /** GFLOP/s, where known. */
  readonly peak: number | undefined;
}

interface OpCase {
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

export async function benchOps(backend: Backend, options: BenchOpsOptions, output: Output): Promise<void> {
  const { peak, repeat } = options;
  if (peak !== undefined) output.line(`SIMD peak of this machine: ${peak.toFixed(1)} GFLOP/s`);
  const cases = opCases(options);
  const nameWidth = Math.max(...cases.map(({ name }) => name.length));
  for (const { name, inputs, outputs } of cases) {
    const executable = await backend.compile({ name, inputs, outputs });
    const generator = new TorchGenerator(0);
    const feeds = inputs.map(({ shape }) => generator.randn(numel(shape)));
    await executable.run(feeds);
    const times: number[] = [];
    for (let i = 0; i < repeat; i++) {
      const start = performance.now();
      await executable.run(feeds);
      times.push((performance.now() - start) / 1000);
    }
    const seconds = times.sort((a, b) => a - b)[Math.floor(repeat / 2)];
    const gflops = executable.stats.flops / seconds / 1e9;
    output.event({ event: "op", name, seconds, gflops, peak_gflops: peak ?? null });
    output.line(
      `${name.padEnd(nameWidth)} ${(seconds * 1000).toFixed(2).padStart(9)} ms ${gflops.toFixed(1).padStart(8)} GFLOP/s`,
    );
    executable.dispose();
  }
}

/** Convolutions of every level with their gradients, a linear layer, attention, and pointwise work. */
function opCases({ preset, batchSize }: BenchOpsOptions): OpCase[] {
  const { size, model, settings } = PRESETS[preset];
  const n = batchSize ?? settings.batchSize;
  const levels = model.blockOutChannels ?? [];
  const convolutions = levels.flatMap((channels, level) => {
    const side = size / 2 ** level;
    return convolutionCases([n, side, side, channels]);
  });
  const deepest = levels.at(-1) ?? 64;
  const side = size / 2 ** (levels.length - 1);
  return [
    ...convolutions,
    matmulCase([n * side * side, deepest], [deepest, deepest]),
    matmulCase([n * (deepest / 8), side * side, 8], [n * (deepest / 8), 8, side * side]),
    pointwiseCase([n, size, size, levels[0] ?? 64]),
  ];
}

function convolutionCases(shape: Shape): OpCase[] {
  const channels = shape[3];
  const x = input(shape);
  const filter = input([3, 3, channels, channels]);
  const y = x.conv2d(filter, { stride: [1, 1], padding: [1, 1, 1, 1] });
  const dy = input(shape);
  // The gradients of sum(y dy) are the two products of back-propagation with dy.
  const [dx, dfilter] = grad(y.mul(dy).sum(), [x, filter]);
  const of = `3x3 convolution ${showShape(shape)}`;
  return [
    { name: `${of}`, inputs: [x, filter], outputs: [y] },
    { name: `${of}, gradient of input`, inputs: [filter, dy], outputs: [dx] },
    { name: `${of}, gradient of filter`, inputs: [x, dy], outputs: [dfilter] },
  ];
}

function matmulCase(a: Shape, b: Shape): OpCase {
  const [x, y] = [input(a), input(b)];
  return { name: `matrix product ${showShape(a)} x ${showShape(b)}`, inputs: [x, y], outputs: [x.matmul(y)] };
}

function pointwiseCase(shape: Shape): OpCase {
  const x = input(shape);
  return { name: `silu ${showShape(shape)}`, inputs: [x], outputs: [x.mul(x.sigmoid())] };
}
