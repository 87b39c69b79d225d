// What an array's numbers mean as brightness: decided by all of them, so that one image is not read unlike another.
import { compression } from "#platform";
import type { ByteRange } from "../../io/byte_range.ts";
import type { NpyArray } from "../../io/npy.ts";
import { NPY_TYPES, npyElements } from "../../io/npy_elements.ts";

/** From a finite element to a brightness, 0 to 255. */
export type ToByte = (value: number) => number;

/** Bytes read at a time: whole elements of any size. */
const PIECE_BYTES = 2 ** 23;
/** Rounding errors beyond an end of a range: less than half a level of 255. */
const SLACK = 1 / 512;
/** Numbers up to 255 have at least one this large: below, they are of no known range. */
const SURELY_BYTES = 16;

/** The scales, in words. */
const SCALES = "0 to 1, -1 to 1 or 0 to 255";

/**
 * Reads all elements where their range decides, or where the file has a checksum.
 * @throws Error that says in a few words what is wrong
 */
export async function toByteOf(range: ByteRange, array: NpyArray): Promise<ToByte> {
  const { type } = array;
  if (type === undefined) throw new Error("its elements are not numbers");
  const isByte = type === "u1" || type === "b1";
  const { least, most } =
    isByte && range.crc32 === undefined ? { least: 0, most: 255 } : await survey(range, array, !isByte);
  if (type === "b1") return (value) => (value === 0 ? 0 : 255);
  if (isByte) return (value) => value;
  const found = NPY_TYPES[type].isFloat ? scaleOf(least, most) : least >= 0 && most <= 255 ? asIs : undefined;
  if (found !== undefined) return found;
  const scales = NPY_TYPES[type].isFloat ? SCALES : "0 to 255";
  throw new Error(
    `its values go from ${short(least)} to ${short(most)}, where ${scales} is expected; scale or clip them`,
  );
}

const short = (value: number): number => Number(value.toPrecision(6));

const clamped = (value: number): number => Math.min(255, Math.max(0, Math.round(value)));
const asIs: ToByte = clamped;

function scaleOf(least: number, most: number): ToByte | undefined {
  if (most <= 1 + SLACK && least >= -SLACK) return (value) => clamped(value * 255);
  if (most <= 1 + SLACK && least >= -1 - SLACK) return (value) => clamped((value + 1) * 127.5);
  return least >= -SLACK && most >= SURELY_BYTES && most <= 255 + SLACK ? asIs : undefined;
}

/** The range of all finite elements; the whole file's checksum on the way. */
async function survey(
  range: ByteRange,
  { type = "u1", bigEndian, start }: NpyArray,
  needsValues: boolean,
): Promise<{ least: number; most: number }> {
  let [least, most] = [Infinity, -Infinity];
  let sum = compression.crc32(await range.read(0, start));
  for (let at = start; at < range.size; at += PIECE_BYTES) {
    const piece = await range.read(at, Math.min(PIECE_BYTES, range.size - at));
    if (range.crc32 !== undefined) sum = compression.crc32(piece, sum);
    if (!needsValues) continue;
    const values = npyElements(piece, type, bigEndian);
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (!Number.isFinite(value)) continue;
      if (value < least) least = value;
      if (value > most) most = value;
    }
  }
  if (range.crc32 !== undefined && sum !== range.crc32) throw new Error("damaged in the archive");
  // Without a finite element, every image is refused on its own.
  return least > most ? { least: 0, most: 0 } : { least, most };
}
