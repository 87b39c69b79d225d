// From images to transformed patches and back: the two-dimensional transforms of Winograd convolutions, on four or
// eight channels at a time. Transformed patches are stored as [place][tile][channel]: each place is a separate matrix.

import type { Transform } from "../../../winograd/transforms.ts";
import { outputTransform, PATCH_SIDE, PLACES, RESULT_SIDE } from "../../../winograd/transforms.ts";
import type { KernelBuilder } from "../../simd/builder.ts";
import type { Expr } from "../../simd/expr.ts";
import { LANES } from "../../simd/expr.ts";
import * as s from "../../simd/ops.ts";
import { cacheLines, FLOAT, forVectors, VECTOR } from "../lanes.ts";
import { vectors } from "./winograd_arithmetic.ts";

/** Most vectors of channels per pass: what the first pass writes stays in the first-level cache for the second. */
const CHUNK_VECTORS = 16;

/** Bytes of a cache line. */
const LINE = 64;

/** Bytes of `work` that the functions of this file need. */
export const WORK_BYTES = (PLACES + 1) * CHUNK_VECTORS * VECTOR;

/** The grid of tiles over the images: each covers 4 x 4 pixels, and may extend beyond the image at right and bottom. */
export interface TileGrid {
  readonly n: number;
  readonly rows: number;
  readonly columns: number;
}
export const tileGrid = (n: number, height: number, width: number): TileGrid => ({
  n,
  rows: Math.ceil(height / RESULT_SIDE),
  columns: Math.ceil(width / RESULT_SIDE),
});
export const tileCount = ({ n, rows, columns }: TileGrid): number => n * rows * columns;

/** The first pixel of a tile, and its image. */
export interface TilePlace {
  readonly image: Expr;
  readonly y: Expr;
  readonly x: Expr;
}
export function tilePlace(k: KernelBuilder, { rows, columns }: TileGrid, index: Expr): TilePlace {
  const tile = k.let(index);
  const row = k.let(s.idivU(tile, s.i32(columns)));
  return {
    image: k.let(s.idivU(row, s.i32(rows))),
    y: k.let(s.imul(s.iremU(row, s.i32(rows)), s.i32(RESULT_SIDE))),
    x: k.let(s.imul(s.iremU(tile, s.i32(columns)), s.i32(RESULT_SIDE))),
  };
}

/** One matrix [tile][channel] for each place, with byte strides between tiles and between places. */
export interface PlaceMatrices {
  readonly rowBytes: number;
  readonly placeBytes: number;
}
/** Strides are not powers of two, which would put all places on the same cache lines. */
export function placeMatrices(tiles: number, channels: number): PlaceMatrices {
  const rowBytes = (channels * FLOAT) % 512 === 0 ? channels * FLOAT + 64 : channels * FLOAT;
  const placeBytes = cacheLines(tiles * rowBytes);
  return { rowBytes, placeBytes: placeBytes % 128 === 0 ? placeBytes + 64 : placeBytes };
}

/** Images [n, h, w, channels]. */
export interface ImageShape {
  readonly h: number;
  readonly w: number;
  readonly channels: number;
}

/** The largest chunk that divides the channels. */
function chunksOf(channels: number): { count: number; bytes: number } {
  const vectors = channels / LANES;
  let chunk = CHUNK_VECTORS;
  while (vectors % chunk !== 0) chunk--;
  return { count: vectors / chunk, bytes: chunk * VECTOR };
}

export interface PatchTransform {
  /** Byte address of the images, at the first channel to read. */
  readonly source: Expr;
  readonly image: ImageShape;
  /** How many channels, a multiple of 4. */
  readonly channels: number;
  /** Pixels along a side of a patch, and the transform of that many values into 6. */
  readonly side: number;
  readonly transform: Transform;
  /** The first pixel of the patch; pixels outside the image are zero. */
  readonly place: TilePlace;
  /** Byte address of the patch in the matrix of the first place. */
  readonly to: Expr;
  readonly matrices: PlaceMatrices;
  /** Byte address of WORK_BYTES, cleared once by `clearWork`. */
  readonly work: Expr;
}

/** Writes the zeros that stand for pixels outside the image. */
export function clearWork(k: KernelBuilder, work: Expr): void {
  forVectors(k, CHUNK_VECTORS * VECTOR, (at) => k.storeV(s.iadd(work, at), s.vconst(0)));
}
const afterZeros = (work: Expr): Expr => s.iadd(work, s.i32(CHUNK_VECTORS * VECTOR));

/** Transforms one patch. */
export function transformPatch(k: KernelBuilder, p: PatchTransform): void {
  const { image, side } = p;
  const pixelBytes = image.channels * FLOAT;
  const chunk = chunksOf(p.channels);
  const between = k.let(afterZeros(p.work));
  const line = s.iadd(s.imul(p.place.image, s.i32(image.h)), p.place.y);
  const pixel = s.iadd(s.imul(line, s.i32(image.w)), p.place.x);
  const corner = k.let(s.iadd(p.source, s.imul(pixel, s.i32(pixelBytes))));
  const rowInside = Array.from({ length: side }, (_, i) =>
    k.let(s.iltU(s.iadd(p.place.y, s.i32(i)), s.i32(image.h))),
  );
  const indices = Array.from({ length: side }, (_, i) => i);
  k.loop(chunk.count, (index) => {
    const channel = k.let(s.imul(index, s.i32(chunk.bytes)));
    k.loop(side, (column) => {
      const inside = k.let(s.iltU(s.iadd(p.place.x, column), s.i32(image.w)));
      const top = k.let(s.iadd(corner, channel, s.imul(column, s.i32(pixelBytes))));
      const rows = indices.map((i) =>
        k.let(s.select(s.iand(inside, rowInside[i]), s.iadd(top, s.i32(i * image.w * pixelBytes)), p.work)),
      );
      // What the next tile of the row will read and this one does not.
      for (const i of indices) prefetchRun(k, top, (i * image.w + side) * pixelBytes, chunk.bytes);
      const target = k.let(s.iadd(between, s.imul(column, s.i32(chunk.bytes))));
      forVectors(k, chunk.bytes, (at) => {
        const values = rows.map((row) => k.let(s.loadV(s.iadd(row, at))));
        const to = s.iadd(target, at);
        p.transform(vectors(k), values).forEach((value, i) => {
          k.storeV(to, value, i * side * chunk.bytes);
        });
      });
    });
    k.loop(PATCH_SIDE, (row) => {
      const from = k.let(s.iadd(between, s.imul(row, s.i32(side * chunk.bytes))));
      const to = k.let(s.iadd(p.to, channel, s.imul(row, s.i32(PATCH_SIDE * p.matrices.placeBytes))));
      forVectors(k, chunk.bytes, (at) => {
        const source = k.let(s.iadd(from, at));
        const target = k.let(s.iadd(to, at));
        const values = indices.map((j) => k.let(s.loadV(source, j * chunk.bytes)));
        p.transform(vectors(k), values).forEach((value, j) => {
          k.storeV(target, value, j * p.matrices.placeBytes);
        });
      });
    });
  });
}

/** Asks for the lines of a run, where vectors are as long as lines: shorter ones leave the processor time to ask itself. */
function prefetchRun(k: KernelBuilder, address: Expr, offset: number, bytes: number): void {
  if (k.width * VECTOR < LINE) return;
  for (let line = 0; line < bytes; line += LINE) k.prefetch(address, offset + line);
}

export interface ResultTransform {
  /** Byte address of the tile in the matrix of the first place. */
  readonly from: Expr;
  readonly matrices: PlaceMatrices;
  /** How many channels, a multiple of 4. */
  readonly channels: number;
  /** Byte addresses of the images, the bias and the residual, at the first channel to write. */
  readonly target: Expr;
  readonly bias: Expr | undefined;
  readonly residual: Expr | undefined;
  /** The residual is the same at every pixel of an image. */
  readonly perImage: boolean;
  readonly image: ImageShape;
  readonly place: TilePlace;
  readonly work: Expr;
}

/** Transforms a tile of products and writes those of its 4 x 4 results that are inside the image. */
export function transformResult(k: KernelBuilder, p: ResultTransform): void {
  const { image, bias, residual } = p;
  const pixelBytes = image.channels * FLOAT;
  const chunk = chunksOf(p.channels);
  const between = k.let(afterZeros(p.work));
  const line = s.iadd(s.imul(p.place.image, s.i32(image.h)), p.place.y);
  const pixel = s.iadd(s.imul(line, s.i32(image.w)), p.place.x);
  const pixelOffset = k.let(s.imul(pixel, s.i32(pixelBytes)));
  const imageOffset = k.let(s.imul(p.place.image, s.i32(pixelBytes)));
  const residualPixel = p.perImage ? 0 : pixelBytes;
  const left = (length: number, first: Expr): Expr =>
    length % RESULT_SIDE === 0
      ? s.i32(RESULT_SIDE)
      : k.let(s.imin(s.i32(RESULT_SIDE), s.isub(s.i32(length), first)));
  const rows = left(image.h, p.place.y);
  const columns = left(image.w, p.place.x);
  const indices = Array.from({ length: PATCH_SIDE }, (_, i) => i);
  k.loop(chunk.count, (index) => {
    const channel = k.let(s.imul(index, s.i32(chunk.bytes)));
    k.loop(PATCH_SIDE, (column) => {
      const from = k.let(s.iadd(p.from, channel, s.imul(column, s.i32(p.matrices.placeBytes))));
      const to = k.let(s.iadd(between, s.imul(column, s.i32(chunk.bytes))));
      forVectors(k, chunk.bytes, (at) => {
        const source = k.let(s.iadd(from, at));
        const values = indices.map((i) => k.let(s.loadV(source, i * PATCH_SIDE * p.matrices.placeBytes)));
        const target = k.let(s.iadd(to, at));
        outputTransform(vectors(k), values).forEach((value, i) => {
          k.storeV(target, value, i * PATCH_SIDE * chunk.bytes);
        });
      });
    });
    k.loop(rows, (row) => {
      const from = k.let(s.iadd(between, s.imul(row, s.i32(PATCH_SIDE * chunk.bytes))));
      const offset = k.let(s.iadd(pixelOffset, channel, s.imul(row, s.i32(image.w * pixelBytes))));
      const to = k.let(s.iadd(p.target, offset));
      const residualAt =
        residual && k.let(s.iadd(residual, p.perImage ? s.iadd(imageOffset, channel) : offset));
      const biasAt = bias && k.let(s.iadd(bias, channel));
      for (let j = 0; j < RESULT_SIDE; j++) prefetchRun(k, to, (RESULT_SIDE + j) * pixelBytes, chunk.bytes);
      forVectors(k, chunk.bytes, (at) => {
        const source = k.let(s.iadd(from, at));
        const target = k.let(s.iadd(to, at));
        const values = indices.map((j) => k.let(s.loadV(source, j * chunk.bytes)));
        const added = biasAt && k.let(s.loadV(s.iadd(biasAt, at)));
        const other = residualAt && k.let(s.iadd(residualAt, at));
        outputTransform(vectors(k), values).forEach((value, j) => {
          const result = k.let(added ? s.vadd(value, added) : value);
          k.if(s.igt(columns, s.i32(j)), () => {
            const sum = other ? s.vadd(result, s.loadV(other, j * residualPixel)) : result;
            k.storeV(target, sum, j * pixelBytes);
          });
        });
      });
    });
  });
}
