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

/** How fast a device computes products by a tile, in multiply-adds per second, those of padding included. */
export interface TileSpeed {
  /** Of many workgroups together. */
  readonly together: number;
  /** Of one workgroup that runs alone. */
  readonly alone: number;
}

/** The tiles that a device has, and how fast it is with each. */
export type TileSpeeds = Readonly<Partial<Record<TileName, TileSpeed>>>;

/** How fast a device is, and what it can hold. */
export interface Speeds {
  readonly tiles: TileSpeeds;
  /** Bytes that are read or written per second; 0 where nothing is gained by fewer operations. */
  readonly bytesPerSecond: number;
  /** Largest array, bytes. */
  readonly mostBytes: number;
}

/** What real GPUs choose from. */
export const GPU_TILES = [
  "large",
  "middle",
  "small",
  "narrow",
  "tiny",
] as const satisfies readonly TileName[];

/** For a GPU that was not measured: one of the middle, which needs some hundred workgroups to be busy. */
export const USUAL_SPEEDS: TileSpeeds = {
  large: { together: 3e12, alone: 4e10 },
  middle: { together: 2.5e12, alone: 2e10 },
  small: { together: 1.5e12, alone: 8e9 },
  narrow: { together: 1.2e12, alone: 6e9 },
  tiny: { together: 6e11, alone: 2e9 },
};

/** For a processor in place of a GPU. */
export const SOFTWARE_SPEEDS: TileSpeeds = { direct: { together: 1e8, alone: 1e8 } };

export const isDirect = ({ k }: Tile): boolean => k === TILES.direct.k;

export const invocationsOf = ({ m, n, perM, perN }: Tile): number => (m / perM) * (n / perN);

/** A way to compute a product: by which tile, its sum in how many parts. */
export interface Cut {
  readonly tile: Tile;
  readonly parts: number;
}

/** Shortest sum that is worth a part, and most parts. */
const SHORTEST_PART = 256;
const MOST_PARTS = 64;
/** What adding parts up costs: a dispatch, and for each of their numbers the time to write and read it (seconds). */
const JOIN_SECONDS = 3e-5;
const JOIN_NUMBER_SECONDS = 8e-11;

/** Tiles of one product along its rows and columns. */
const tilesOf = ({ m, n }: Pick<ProductSizes, "m" | "n">, tile: Tile): number =>
  Math.ceil(m / tile.m) * Math.ceil(n / tile.n);

/** Workgroups of a product: its tiles along the first two axes, batch by parts along the third. */
export function productGroups(sizes: ProductSizes, { tile, parts }: Cut): Workgroups {
  const [x, y] = groupsOf(tilesOf(sizes, tile));
  return [x, y, sizes.batch * parts];
}

/** The cut that should take the least time. @param wholeSum without cutting the sum */
export const cutOf = (sizes: ProductSizes, speeds: TileSpeeds, wholeSum: boolean): Cut =>
  bestCut(sizes, speeds, wholeSum).cut;

/**
 * The cut that should take the least time, and that time: as long as all work takes together, or one workgroup alone.
 * @param wholeSum without cutting the sum
 */
export function bestCut(
  sizes: ProductSizes,
  speeds: TileSpeeds,
  wholeSum: boolean,
): { readonly cut: Cut; readonly seconds: number } {
  const most = wholeSum ? 1 : Math.max(1, Math.min(MOST_PARTS, Math.floor(sizes.k / SHORTEST_PART)));
  let best: { readonly cut: Cut; readonly seconds: number } | undefined;
  for (const name of [...GPU_TILES, "direct"] as const) {
    const speed = speeds[name];
    if (speed === undefined) continue;
    for (let parts = 1; parts <= most; parts *= 2) {
      const cut = { tile: TILES[name], parts };
      const seconds = secondsOf(sizes, cut, speed);
      if (best === undefined || seconds < best.seconds) best = { cut, seconds };
    }
  }
  if (best === undefined) throw new Error("a device has no tile for products");
  return best;
}

/** How long a product should take. */
function secondsOf(sizes: ProductSizes, { tile, parts }: Cut, { together, alone }: TileSpeed): number {
  const groups = tilesOf(sizes, tile) * sizes.batch * parts;
  const work = tile.m * tile.n * tile.k * Math.ceil(sizes.k / parts / tile.k);
  const join = parts === 1 ? 0 : JOIN_SECONDS + JOIN_NUMBER_SECONDS * parts * sizes.batch * sizes.m * sizes.n;
  return Math.max((groups * work) / together, work / alone) + join;
}
