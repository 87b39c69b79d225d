// Tiles of 4 x 4 pixels over images, and the kernels between images and the places of transformed tiles, which are
// [place, tile, channel]: each place is a matrix.

import {
  inputTransform,
  outputTransform,
  PATCH_SIDE,
  PLACES,
  RESULT_SIDE,
  type Transform,
} from "../../../winograd/transforms.ts";
import { floats, type GpuKernel, groupIndex, groupsOf, type Stored } from "../kernel.ts";
import { range } from "../product/range.ts";
import { type ProductTail, productArrays, withTail } from "../product/split_product.ts";
import { transformed } from "./transform.ts";

const SIZE = 64;
const FLOAT = 4;

/** Images [n, h, w, channels]. */
export interface Images {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly channels: number;
}

/** Tiles of images: each covers 4 x 4 pixels, and may extend beyond the image at the right and the bottom. */
export interface TileGrid {
  readonly rows: number;
  readonly columns: number;
}
export const gridOver = ({ h, w }: Pick<Images, "h" | "w">): TileGrid => ({
  rows: Math.ceil(h / RESULT_SIDE),
  columns: Math.ceil(w / RESULT_SIDE),
});
export const tilesOf = (n: number, { rows, columns }: TileGrid): number => n * rows * columns;

/** Statements that give an invocation its tile, its channel, and the tile's first pixel. */
const ownTile = ({ rows, columns }: TileGrid, channels: number, count: number): string => `
if (i >= ${count}u) { return; }
let channel = i % ${channels}u;
let tile = i / ${channels}u;
let tile_x = i32(tile % ${columns}u) * ${RESULT_SIDE};
let tile_y = i32((tile / ${columns}u) % ${rows}u) * ${RESULT_SIDE};
let image = tile / ${rows * columns}u;`;

/** The kernel's place of a tile's channel. */
const placeAt = (y: number, x: number, tiles: number, channels: number): string =>
  `${(y * PATCH_SIDE + x) * tiles * channels}u + i`;

/** A transform of patches of images. */
export interface Patches {
  readonly family: string;
  readonly images: Images;
  readonly stored: Stored;
  readonly grid: TileGrid;
  /** Pixels along a side of a patch, and where it begins, from the tile's first pixel. */
  readonly side: number;
  readonly first: readonly [y: number, x: number];
  readonly transform: Transform;
}

/** Patches of the inputs of results: [n, h, w, channels] -> places. */
export const inputPatches = (patches: Omit<Patches, "side" | "transform">): GpuKernel =>
  patchKernel({ ...patches, side: PATCH_SIDE, transform: inputTransform });

/** Arguments: images, places. Pixels outside of the images are 0. */
export function patchKernel(patches: Patches): GpuKernel {
  const { family, images, stored, grid, side, first, transform } = patches;
  const { n, h, w, channels } = images;
  const tiles = tilesOf(n, grid);
  const count = tiles * channels;
  const workgroups = groupsOf(Math.ceil(count / SIZE));
  return {
    family,
    key: `winograd_patches:${JSON.stringify([images, stored, grid, side, first])}`,
    arrays: [floats(stored, false), "f32"],
    workgroups,
    flops: 0,
    bytes: FLOAT * (n * h * w * channels + PLACES * count),
    emit: ([source, places]) => ({
      head: "",
      size: SIZE,
      body: `let i = ${groupIndex(workgroups)} * ${SIZE}u + lane;
${ownTile(grid, channels, count)}
${range(side)
  .map(
    (k) => `let y${k} = tile_y + ${first[0] + k};
let x${k} = tile_x + ${first[1] + k};
let has_y${k} = y${k} >= 0 && y${k} < ${h};
let has_x${k} = x${k} >= 0 && x${k} < ${w};
let row${k} = (image * ${h}u + u32(y${k})) * ${w}u;`,
  )
  .join("\n")}
${range(side)
  .flatMap((y) =>
    range(side).map(
      (x) => `var d${y}_${x} = 0.0f;
if (has_y${y} && has_x${x}) { d${y}_${x} = ${source.load(`(row${y} + u32(x${x})) * ${channels}u + channel`)}; }`,
    ),
  )
  .join("\n")}
${transformed(
  transform,
  side,
  (y, x) => `d${y}_${x}`,
  (y, x, result) => places.store(placeAt(y, x, tiles, channels), result),
)}`,
    }),
  };
}

/** Arguments: places, then bias and residual if any, then images: [n, h, w, channels]. */
export function resultKernel(family: string, images: Images, tail: ProductTail): GpuKernel {
  const { n, h, w, channels } = images;
  const grid = gridOver(images);
  const tiles = tilesOf(n, grid);
  const count = tiles * channels;
  const workgroups = groupsOf(Math.ceil(count / SIZE));
  return {
    family,
    key: `winograd_results:${JSON.stringify([images, tail])}`,
    arrays: productArrays(["f32"], tail, false),
    workgroups,
    flops: 0,
    bytes: FLOAT * (n * h * w * channels + PLACES * count),
    emit(args) {
      const [places, ...others] = args;
      const result = others[others.length - 1];
      const store = (y: number, x: number, value: string): string => {
        const place = `((image * ${h}u + u32(tile_y + ${y})) * ${w}u + u32(tile_x + ${x})) * ${channels}u + channel`;
        const addend = tail.perImage ? `image * ${channels}u + channel` : place;
        const sum = withTail(value, tail, others.slice(0, -1), "channel", addend);
        return `if (tile_y + ${y} < ${h} && tile_x + ${x} < ${w}) { ${result.store(place, sum)} }`;
      };
      return {
        head: "",
        size: SIZE,
        body: `let i = ${groupIndex(workgroups)} * ${SIZE}u + lane;
${ownTile(grid, channels, count)}
${transformed(outputTransform, PATCH_SIDE, (y, x) => places.load(placeAt(y, x, tiles, channels)), store)}`,
      };
    },
  };
}
