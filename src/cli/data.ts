// imago data: what training would see of a folder of images.

import type { ImageSource } from "../data/index.ts";
import { imageGrid, writeImage } from "../io/image/index.ts";
import { checking } from "./errors.ts";
import { checkOutputFile } from "./files.ts";
import { createOutput } from "./output.ts";
import { sourceImage } from "./source_image.ts";
import { openSource } from "./sources.ts";
import { counted } from "./wording.ts";

export interface DataInfoFlags {
  readonly size: number;
  readonly skipBroken?: boolean;
  readonly json?: boolean;
}

export interface DataPreviewFlags extends DataInfoFlags {
  readonly count: number;
  readonly out: string;
  readonly force?: boolean;
}

export async function dataInfo(source: string, flags: DataInfoFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const images = await open(source, flags);
  const { mean, deviation } = statistics(images);
  output.event({
    event: "data",
    source,
    count: images.count,
    size: flags.size,
    channels: images.channels,
    mean,
    deviation,
    fingerprint: images.fingerprint(),
  });
  const list = (values: readonly number[]) => values.map((value) => value.toFixed(3)).join(", ");
  output.line(
    `${source}: ${counted(images.count, "image")}, read as ${flags.size} x ${flags.size} pixels of ${images.channels} channels`,
  );
  output.line(`mean of each channel (0 to 1): ${list(mean)}; standard deviation: ${list(deviation)}`);
  output.line(`fingerprint: ${images.fingerprint()}`);
}

export async function dataPreview(source: string, flags: DataPreviewFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  await checking(() => checkOutputFile("--out", flags.out, flags.force === true));
  const images = await open(source, flags);
  const shown = Math.min(flags.count, images.count);
  // Spread over the whole set: a folder sorted by kind shows every kind.
  const indices = Array.from({ length: shown }, (_, i) => Math.floor((i * images.count) / shown));
  await writeImage(flags.out, imageGrid(indices.map((index) => sourceImage(images, index))));
  output.event({ event: "preview", source, count: images.count, shown, file: flags.out });
  output.line(`${shown} of ${counted(images.count, "image")}: ${flags.out}`);
}

async function open(source: string, flags: DataInfoFlags): Promise<ImageSource> {
  const output = createOutput(flags.json === true);
  const options = { size: flags.size, flip: false, skipBroken: flags.skipBroken === true };
  const images = await checking(() => openSource(source, options, output));
  output.clear();
  return images;
}

/** Mean and standard deviation of each channel over all images, 0 to 1. */
function statistics(images: ImageSource): { mean: number[]; deviation: number[] } {
  const { count, channels } = images;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let index = 0; index < count; index++) {
    for (const [i, value] of images.image(index).entries()) {
      sums[i % channels] += value / 255;
      squares[i % channels] += (value / 255) ** 2;
    }
  }
  const total = count * images.size.height * images.size.width;
  const mean = Array.from(sums, (sum) => sum / total);
  const deviation = mean.map((m, c) => Math.sqrt(Math.max(0, squares[c] / total - m * m)));
  return { mean, deviation };
}
