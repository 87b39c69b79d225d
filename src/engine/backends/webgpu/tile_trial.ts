// How fast a device is with each tile of products, and with its memory: measured once, in about a second, and kept. The
// result decides how sums are cut, and so their last bits: while the file is there, they stay.

import * as v from "valibot";
import { files, paths } from "#platform";
import { cacheFolder } from "../../../platform/cache_folder.ts";
import { MemoryError } from "../../backend.ts";
import { repeatUntilSteady } from "../steady_times.ts";
import type { Device } from "./device.ts";
import { withTimer } from "./kernel_timer.ts";
import { lowerMatmul } from "./kernels/matmul.ts";
import { NO_TAIL } from "./kernels/product/split_product.ts";
import {
  GPU_TILES,
  SOFTWARE_SPEEDS,
  TILES,
  type TileName,
  type TileSpeed,
  type TileSpeeds,
  USUAL_SPEEDS,
} from "./kernels/product/tiles.ts";
import type { Pipelines } from "./pipelines.ts";
import { measureBandwidth } from "./yardsticks.ts";

const FILE = "gpu-tiles.json";
/** Larger files are not this one. */
const MOST_BYTES = 2 ** 20;

/** How fast a device is. */
export interface DeviceSpeeds {
  readonly tiles: TileSpeeds;
  /** Bytes that are read or written per second. */
  readonly bytesPerSecond: number;
}

/** Of a GPU of the middle. */
const USUAL_BYTES = 2e11;

const rate = v.pipe(v.number(), v.finite(), v.gtValue(0));
const speedSchema = v.object({ together: rate, alone: rate });
/** By device; tiles by name. */
const fileSchema = v.record(
  v.string(),
  v.object({ tiles: v.record(v.picklist(GPU_TILES), speedSchema), bytes_per_second: rate }),
);

/** The speeds of a device: as measured before, or measured now. */
export async function speedsOf(device: Device, pipelines: Pipelines): Promise<DeviceSpeeds> {
  // A processor's caches make up for many operations: it does without ways that move more memory.
  if (device.isSoftware) return { tiles: SOFTWARE_SPEEDS, bytesPerSecond: 0 };
  if (!device.hasTimes) return { tiles: USUAL_SPEEDS, bytesPerSecond: USUAL_BYTES };
  const path = paths.join(cacheFolder(), FILE);
  return keptSpeeds(path, device.identity, async () => ({
    tiles: await measureTiles(device, pipelines),
    bytesPerSecond: await memorySpeed(device, pipelines),
  }));
}

/** Of a large array, for which a small GPU may have no memory. */
async function memorySpeed(device: Device, pipelines: Pipelines): Promise<number> {
  try {
    return Math.max(...(await measureBandwidth(device, pipelines)));
  } catch (error) {
    if (error instanceof MemoryError) return USUAL_BYTES;
    throw error;
  }
}

/** What a file says of a device; measured and added to the file where it says nothing. */
export async function keptSpeeds(
  path: string,
  device: string,
  measure: () => Promise<DeviceSpeeds>,
): Promise<DeviceSpeeds> {
  const known = await readSpeeds(path);
  const found = known[device];
  if (found !== undefined && GPU_TILES.every((name) => found.tiles[name] !== undefined)) {
    return { tiles: found.tiles, bytesPerSecond: found.bytes_per_second };
  }
  const speeds = await measure();
  const own = { tiles: speeds.tiles, bytes_per_second: speeds.bytesPerSecond };
  const text = `${JSON.stringify({ ...known, [device]: own }, undefined, 2)}\n`;
  // Where nothing can be written, it is measured each time.
  await files.writeFileAtomic(path, text).catch(() => undefined);
  return speeds;
}

/** What was measured of each device; nothing where the file is missing or damaged. */
async function readSpeeds(path: string): Promise<v.InferOutput<typeof fileSchema>> {
  try {
    if ((await files.stat(path)).size > MOST_BYTES) return {};
    const read = v.safeParse(fileSchema, JSON.parse(await files.readText(path)));
    return read.success ? read.output : {};
  } catch {
    return {};
  }
}

/** Sizes of the products that are measured. */
interface TrialSizes {
  /** Workgroups along rows and along columns of the product that keeps a device busy, and its summed elements. */
  readonly many: number;
  readonly summed: number;
  /** Summed elements of the product of one workgroup. */
  readonly long: number;
}
const SIZES: TrialSizes = { many: 24, summed: 256, long: 4096 };

/** Measures every tile that GPUs choose from. */
export async function measureTiles(
  device: Device,
  pipelines: Pipelines,
  { many, summed, long }: TrialSizes = SIZES,
): Promise<TileSpeeds> {
  const speeds: Partial<Record<TileName, TileSpeed>> = {};
  for (const name of GPU_TILES) {
    const { m, n } = TILES[name];
    speeds[name] = {
      together: await rateOf(device, pipelines, name, { m: many * m, n: many * n, k: summed }),
      alone: await rateOf(device, pipelines, name, { m, n, k: long }),
    };
  }
  return speeds;
}

/** Multiply-adds per second of a product. */
async function rateOf(
  device: Device,
  pipelines: Pipelines,
  tile: TileName,
  { m, n, k }: { readonly m: number; readonly n: number; readonly k: number },
): Promise<number> {
  const { kernel } = lowerMatmul(
    {
      ...{ batch: [1], m, n, k, wholeK: true, tail: NO_TAIL },
      a: { stored: "f32", batch: [m * k], row: k, column: 1 },
      b: { stored: "f32", batch: [k * n], row: n, column: 1 },
    },
    { [tile]: { together: 1, alone: 1 } },
  ).steps[0];
  return withTimer(device, pipelines, [m * k, k * n, m * n], async (secondsOf) => {
    const time = () => secondsOf(kernel);
    await time();
    const fastest = Math.min(...(await repeatUntilSteady(time)));
    // A clock of 100 microseconds may have seen nothing.
    return (m * n * k) / Math.max(fastest, 1e-6);
  });
}
