import { expect, test } from "vitest";
import { createBackend } from "../../src/engine/backends/create.ts";
import { TorchGenerator } from "../../src/engine/random/torch_generator.ts";
import { input, type Tensor } from "../../src/engine/tensor.ts";
import { averagePool3x3, maxPool3x3, maxPool3x3Stride2 } from "../../src/nn/pool_2d.ts";

const CHANNELS = 3;
const SIZES = [
  [3, 3],
  [5, 8],
  [8, 7],
  [6, 4],
] as const;

/** What a 3 x 3 window around each pixel (or each second, from the second on) holds of an image. */
function windows(
  x: Float32Array,
  [h, w]: readonly [number, number],
  stride: 1 | 2,
  of: (values: number[]) => number,
) {
  const at = (y: number, column: number, c: number) =>
    y < 0 || column < 0 || y >= h || column >= w ? [] : [x[(y * w + column) * CHANNELS + c]];
  const [first, rows, columns] =
    stride === 1 ? [0, h, w] : [1, Math.floor((h - 1) / 2), Math.floor((w - 1) / 2)];
  return Array.from({ length: rows * columns * CHANNELS }, (_, i) => {
    const [y, column, c] = [
      Math.floor(i / CHANNELS / columns),
      Math.floor(i / CHANNELS) % columns,
      i % CHANNELS,
    ];
    const near = [-1, 0, 1];
    return of(
      near.flatMap((dy) =>
        near.flatMap((dx) => at(first + y * stride + dy, first + column * stride + dx, c)),
      ),
    );
  });
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const POOLS: readonly [
  name: string,
  pool: (x: Tensor) => Tensor,
  stride: 1 | 2,
  of: (values: number[]) => number,
][] = [
  ["maxPool3x3Stride2", maxPool3x3Stride2, 2, (values) => Math.max(...values)],
  ["maxPool3x3", maxPool3x3, 1, (values) => Math.max(...values)],
  ["averagePool3x3", averagePool3x3, 1, mean],
];

test.each(POOLS)(
  "%s: every window, those at the edge over the pixels that there are",
  async (_, pool, stride, of) => {
    const backend = await createBackend();
    for (const size of SIZES) {
      const image = new TorchGenerator(size[0]).rand(size[0] * size[1] * CHANNELS);
      const x = input([1, ...size, CHANNELS]);
      const program = await backend.compile({ name: "pool", inputs: [x], outputs: [pool(x)] });
      const [found] = await program.run([image]);
      const expected = windows(image, size, stride, of);
      expect(found.length).toBe(expected.length);
      for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 6);
    }
    await backend.close();
  },
);
