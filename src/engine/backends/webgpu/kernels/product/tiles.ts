// How a matrix product is cut into workgroups, and its sum into parts.

import { groupsOf, type Workgroups } from "../kernel.ts";

export interface ProductSizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Products side by side. */
  readonly batch: number;
}

/** A workgroup's share of a product: m x n results, from k of the summed elements at a time. */
export interface Tile {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Results of one invocation: rows, 1 or a multiple of 4, and columns, a multiple of 4. */
  readonly perM: number;
  readonly perN: number;
}

/**
 * From large ones, which read each operand least often, to small ones, of which there are many. Workgroup memory is at most
 * 10 KiB, and there are at most 256 invocations: what every device has.
 */
export const TILES = {
  large: { m: 128, n: 128, k: 8, perM: 8, perN: 8 },
  middle: { m: 64, n: 64, k: 16, perM: 8, perN: 4 },
  small: { m: 32, n: 32, k: 16, perM: 4, perN: 4 },
  narrow: { m: 64, n: 16, k: 16, perM: 4, perN: 4 },
  tiny: { m: 16, n: 16, k: 16, perM: 1, perN: 4 },
  /** Without workgroup memory: each invocation reads what it needs. */
  direct: { m: 4, n: 16, k: 1, perM: 1, perN: 1 },
} as const satisfies Record<string, Tile>;

export type TileName = keyof typeof TILES;

/** What real GPUs choose from, in the order of preference. */
export const GPU_TILES: readonly TileName[] = ["large", "middle", "small", "narrow", "tiny"];

export const isDirect = ({ k }: Tile): boolean => k === TILES.direct.k;

export const invocationsOf = ({ m, n, perM, perN }: Tile): number => (m / perM) * (n / perN);

/** A way to compute a product: by which tile, its sum in how many parts. */
export interface Cut {
  readonly tile: Tile;
  readonly parts: number;
}

/** Workgroups that keep a large device busy. */
const MANY_GROUPS = 256;
/** Shortest sum that is worth a part, and most parts. */
const SHORTEST_PART = 256;
const MOST_PARTS = 64;
/** Share of a tile's work that must not be padding. */
const LEAST_USE = 0.75;

/** Tiles of one product along its rows and columns. */
const tilesOf = ({ m, n }: Pick<ProductSizes, "m" | "n">, tile: Tile): number =>
  Math.ceil(m / tile.m) * Math.ceil(n / tile.n);

/** Share of a tile's work that is not padding. */
const useOf = (sizes: ProductSizes, tile: Tile): number =>
  (sizes.m * sizes.n) / (tilesOf(sizes, tile) * tile.m * tile.n);

/** Workgroups of a product: its tiles along the first two axes, batch by parts along the third. */
export function productGroups(sizes: ProductSizes, { tile, parts }: Cut): Workgroups {
  const [x, y] = groupsOf(tilesOf(sizes, tile));
  return [x, y, sizes.batch * parts];
}

/**
 * The first tile that wastes little and of which there are enough for a large device, where need be by cutting the sum.
 * @param tiles to choose from, the preferred first
 * @param wholeSum without cutting it
 */
export function cutOf(sizes: ProductSizes, tiles: readonly TileName[], wholeSum: boolean): Cut {
  const most = wholeSum ? 1 : Math.max(1, Math.min(MOST_PARTS, Math.floor(sizes.k / SHORTEST_PART)));
  const all = tiles.map((name): Tile => TILES[name]);
  const fitting = all.filter((tile) => useOf(sizes, tile) >= LEAST_USE);
  const candidates = fitting.length > 0 ? fitting : all.toSorted((a, b) => useOf(sizes, b) - useOf(sizes, a));
  const groups = (tile: Tile) => tilesOf(sizes, tile) * sizes.batch;
  const tile =
    candidates.find((one) => groups(one) * most >= MANY_GROUPS) ?? candidates[candidates.length - 1];
  return { tile, parts: Math.max(1, Math.min(most, Math.floor(MANY_GROUPS / groups(tile)))) };
}
