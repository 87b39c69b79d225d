// An image that is computed in overlapping tiles, which are blended into each other as diffusers does it (AutoencoderKL's
// tiled_decode, blend_v and blend_h).

import { type HostTensor, hostTensor, numel } from "../engine/host_tensor.ts";
import type { Tiles } from "../models/autoencoder_kl.ts";

/** Computes tiles of one shape, [1, h, w, C] each. */
export type ComputeTiles = (tiles: readonly HostTensor[]) => Promise<readonly HostTensor[]>;

/**
 * @param image [1, H, W, C]
 * @param from its tiles
 * @param to those of the result, in the same proportion to each other
 * @param compute called once for each of the up to four shapes of tiles, so that it needs memory for one of them only
 * @returns [1, H', W', C']
 */
export async function inTiles(
  image: HostTensor,
  from: Tiles,
  to: Tiles,
  compute: ComputeTiles,
): Promise<HostTensor> {
  const [, height, width] = image.shape;
  const starts = (length: number) =>
    Array.from({ length: Math.ceil(length / from.step) }, (_, k) => k * from.step);
  const columns = starts(width).length;
  const tiles = starts(height).flatMap((top) =>
    starts(width).map((left) => partOf(image, [top, left], [from.side, from.side])),
  );
  const computed = await byShape(tiles, compute);
  const scale = to.step / from.step;
  const channels = computed[0].shape[3];
  const result = hostTensor(new Float32Array(height * width * scale * scale * channels), [
    1,
    height * scale,
    width * scale,
    channels,
  ]);
  const extent = to.side - to.step;
  for (const [k, tile] of computed.entries()) {
    // Neighbours above and to the left are blended already, as in diffusers.
    if (k >= columns) blend(computed[k - columns], tile, "down", extent);
    if (k % columns > 0) blend(computed[k - 1], tile, "right", extent);
    place(tile, result, [Math.floor(k / columns) * to.step, (k % columns) * to.step], to.step);
  }
  return result;
}

/** Whether an image is larger than a tile. */
export const isDivided = ({ shape: [, height, width] }: HostTensor, { side }: Tiles): boolean =>
  height > side || width > side;

/** Computes the tiles of each shape together. */
async function byShape(tiles: readonly HostTensor[], compute: ComputeTiles): Promise<readonly HostTensor[]> {
  const shapes = tiles.map(({ shape }) => shape.join("x"));
  const results = new Map<number, HostTensor>();
  for (const shape of new Set(shapes)) {
    const places = [...tiles.keys()].filter((k) => shapes[k] === shape);
    const computed = await compute(places.map((k) => tiles[k]));
    for (const [i, k] of places.entries()) results.set(k, computed[i]);
  }
  return [...tiles.keys()].flatMap((k) => results.get(k) ?? []);
}

/** The part of [1, H, W, C] that starts at `top`, `left`, cut off at the edges. */
function partOf(
  { data, shape: [, height, width, channels] }: HostTensor,
  [top, left]: readonly [number, number],
  [most, mostWide]: readonly [number, number],
): HostTensor {
  const rows = Math.min(most, height - top);
  const row = Math.min(mostWide, width - left) * channels;
  const part = new Float32Array(rows * row);
  for (let y = 0; y < rows; y++) {
    const first = ((top + y) * width + left) * channels;
    part.set(data.subarray(first, first + row), y * row);
  }
  return hostTensor(part, [1, rows, row / channels, channels]);
}

/** Moves gradually from the end of a tile to the start of its neighbour below or to the right, which is changed. */
function blend(before: HostTensor, after: HostTensor, direction: "down" | "right", most: number): void {
  const axis = direction === "down" ? 1 : 2;
  const extent = Math.min(before.shape[axis], after.shape[axis], most);
  // Lines across the direction: both have as many, of as many numbers.
  const lines = numel(after.shape.slice(0, axis));
  const step = numel(after.shape.slice(axis + 1));
  const [own, others] = [after, before].map(({ shape }) => shape[axis] * step);
  const first = (before.shape[axis] - extent) * step;
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < extent * step; i++) {
      const share = Math.floor(i / step) / extent;
      const at = line * own + i;
      after.data[at] = before.data[line * others + first + i] * (1 - share) + after.data[at] * share;
    }
  }
}

/** Copies the first rows and columns of a tile, up to `most` of each, into an image. */
function place(
  tile: HostTensor,
  image: HostTensor,
  [top, left]: readonly [number, number],
  most: number,
): void {
  const part = partOf(tile, [0, 0], [most, most]);
  const [, rows, , channels] = part.shape;
  const row = part.data.length / rows;
  for (let y = 0; y < rows; y++) {
    image.data.set(
      part.data.subarray(y * row, (y + 1) * row),
      ((top + y) * image.shape[2] + left) * channels,
    );
  }
}
