// Speed of the CPU kernels on one thread, in GFLOP/s: matrix products, attention, and the convolutions of a UNet with
// block_out_channels 64, 128, 128, 256 on 32 x 32 images.
//
//   node_modules/.bin/node tools/bench_kernels.ts [part of a name] [batch size, default 16]

import { lowerAttention } from "../src/engine/backends/cpu/kernels/attention/attention.ts";
import { lowerAttentionGrad } from "../src/engine/backends/cpu/kernels/attention/attention_grad.ts";
import { lowerConv2d, lowerConv2dGradInput } from "../src/engine/backends/cpu/kernels/conv2d/conv2d.ts";
import { lowerConv2dGradFilter } from "../src/engine/backends/cpu/kernels/conv2d/conv2d_grad_filter.ts";
import type { Conv2dSpec } from "../src/engine/backends/cpu/kernels/conv2d/conv2d_spec.ts";
import type { Lowered } from "../src/engine/backends/cpu/kernels/kernel.ts";
import { lowerMatmul } from "../src/engine/backends/cpu/kernels/matmul/gemm.ts";
import { compileLowered, noise } from "../test/engine/cpu_kernel_harness.ts";

const SECONDS = 0.4;
const [wanted = "", batchSize = "16"] = process.argv.slice(2);
const batch = Number(batchSize);

/** Prints the time of each step, and the sum of every tile's best time, which other work disturbs least. */
function bench(name: string, lowered: Lowered, inputSizes: number[], outputSize: number): void {
  if (!name.includes(wanted)) return;
  const inputs = inputSizes.map((size, i) => noise(size, i + 1));
  const program = compileLowered(lowered, inputs, [outputSize]);
  const tiles = lowered.steps.map(({ kernel }) =>
    new Float64Array(kernel.tiles).fill(Number.POSITIVE_INFINITY),
  );
  program.run();
  for (let spent = 0, round = 0; spent < SECONDS * 1000 || round < 4; round++)
    tiles.forEach((times, step) => {
      for (let tile = 0; tile < times.length; tile++) {
        const start = performance.now();
        program.runTile(step, tile);
        const time = performance.now() - start;
        times[tile] = Math.min(times[tile]!, time);
        spent += time;
      }
    });
  const best = tiles.map((times) => times.reduce((sum, time) => sum + time, 0));
  const total = best.reduce((sum, time) => sum + time, 0);
  const flops = lowered.steps.reduce((sum, { kernel }) => sum + kernel.flops, 0);
  const shares = lowered.steps.map(
    ({ kernel }, i) => `${kernel.family} ${best[i]!.toFixed(2)} (${kernel.tiles} tiles)`,
  );
  console.log(
    `${name.padEnd(46)} ${(flops / total / 1e6).toFixed(1).padStart(6)} GFLOP/s ${total.toFixed(2).padStart(8)} ms  ${shares.join(", ")}`,
  );
}

function matmul(name: string, batches: number[], m: number, n: number, k: number): void {
  const count = batches.reduce((product, size) => product * size, 1);
  const dense = (rows: number, cols: number) => ({
    batch: batches.map((_, i) => batches.slice(i + 1).reduce((a, b) => a * b, rows * cols)),
    row: cols,
    col: 1,
  });
  const spec = { batch: batches, m, n, k, a: dense(m, k), b: dense(k, n), c: dense(m, n) };
  bench(name, lowerMatmul(spec), [count * m * k, count * k * n], count * m * n);
}

/** x^T dy, summed over `rows` pixels. */
function weightGradient(rows: number, ci: number, co: number): void {
  const spec = {
    batch: [],
    m: ci,
    n: co,
    k: rows,
    a: { batch: [], row: 1, col: ci },
    b: { batch: [], row: co, col: 1 },
    c: { batch: [], row: co, col: 1 },
  };
  bench(
    `matmul weight gradient ${ci} x ${co} over ${rows}`,
    lowerMatmul(spec),
    [rows * ci, rows * co],
    ci * co,
  );
}

/** GFLOP/s count the products only, without the softmax. */
function attention(images: number, heads: number, tokens: number, headDim: number): void {
  const spec = { batch: images, heads, tokens, headDim, scale: headDim ** -0.5 };
  const size = images * heads * tokens * headDim;
  const name = `attention ${images} x ${heads} x (${tokens} x ${headDim})`;
  bench(`${name} forward`, lowerAttention(spec), [size, size, size], size);
  bench(`${name} gradients`, lowerAttentionGrad(spec), [size, size, size, size], 3 * size);
}

function conv(size: number, ci: number, co: number, kernel: number, stride = 1): void {
  const pad = Math.floor(kernel / 2);
  const out = Math.floor((size + 2 * pad - kernel) / stride) + 1;
  const spec: Conv2dSpec = {
    n: batch,
    h: size,
    w: size,
    ci,
    co,
    kh: kernel,
    kw: kernel,
    oh: out,
    ow: out,
    stride: [stride, stride],
    padding: [pad, pad, pad, pad],
  };
  const [x, w, y] = [batch * size * size * ci, kernel * kernel * ci * co, batch * out * out * co];
  const name = `conv ${kernel}x${kernel}${stride > 1 ? `/${stride}` : ""} ${size}px ${ci} -> ${co}`;
  bench(`${name} forward`, lowerConv2d(spec), [x, w], y);
  bench(`${name} image gradient`, lowerConv2dGradInput(spec), [y, w], x);
  bench(`${name} filter gradient`, lowerConv2dGradFilter(spec), [x, y], w);
}

console.log(`Node ${process.version}, one thread, batch ${batch}`);
matmul("matmul 48 x 64 x 256, in the first cache", [], 48, 64, 256);
matmul("matmul 1024^3", [], 1024, 1024, 1024);
matmul("matmul linear 4096 x 256 x 256", [], 4096, 256, 256);
matmul("matmul time embedding 16 x 256 x 256", [], 16, 256, 256);
matmul("matmul attention scores 16 x 32 x (64 x 64 x 8)", [16, 32], 64, 64, 8);
matmul("matmul attention values 16 x 32 x (64 x 8 x 64)", [16, 32], 64, 8, 64);
weightGradient(1024, 128, 128);
weightGradient(16384, 64, 64);
attention(16, 16, 64, 8);
attention(16, 32, 16, 8);
attention(8, 1, 256, 256);
attention(1, 64, 256, 8);
conv(32, 3, 64, 3);
conv(32, 64, 64, 3);
conv(32, 64, 3, 3);
conv(32, 192, 64, 3);
conv(32, 64, 64, 3, 2);
conv(16, 128, 128, 3);
conv(16, 256, 128, 3);
conv(16, 256, 128, 1);
conv(8, 128, 128, 3);
conv(8, 256, 128, 3);
conv(4, 256, 256, 3);
conv(4, 512, 256, 3);
