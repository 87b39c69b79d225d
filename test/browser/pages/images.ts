// A page that reads and writes image files.

import { images, threads } from "#platform";
import { thread } from "#platform/thread";
import { decodeAll } from "../../../src/data/local/decode.ts";
import { decodeImage, encodeAnimation, type Pixels } from "../../../src/io/image/index.ts";
import type { EncodedFormat } from "../../../src/platform/platform.ts";

async function bytesOf(file: string): Promise<Uint8Array> {
  return new Uint8Array(await (await fetch(file)).arrayBuffer());
}

/** @returns the image, or what is wrong with the file */
export async function decode(file: string) {
  return decodeImage(await bytesOf(file)).then(
    ({ data, ...image }) => ({ ...image, data: [...data] }),
    (error: Error) => error.message,
  );
}

export async function decodeAtMost(file: string, pixels: number, formats: string[]) {
  return images.decode(await bytesOf(file), new Set(formats), pixels).then(
    ({ format }) => format,
    (error: Error) => error.message,
  );
}

/** The pixels of image files, scaled and cut as for training; or what is wrong. */
export async function scaled(files: string[], size: number) {
  const encoded = {
    count: files.length,
    nameOf: (i: number) => files[i],
    content: (i: number) => bytesOf(files[i]),
    identity: "fetched",
    stamp: async () => "",
    warnings: [],
    close: async () => {},
  };
  const form = {
    size: { width: size, height: size },
    channels: 3,
    fit: "crop",
    ground: null,
  } as const;
  const results: (number[] | string)[] = [];
  for await (const image of decodeAll(encoded, { ...form, concurrency: 3 })) {
    results.push("problem" in image ? image.problem : [...image.pixels]);
  }
  return results;
}

/** The bytes of a file with the pixels. */
export async function encode(
  { data, ...image }: Omit<Pixels, "data"> & { data: number[] },
  format: EncodedFormat,
) {
  return [...(await images.encode({ ...image, data: Uint8Array.from(data) }, format))];
}

export async function svgToPng(svg: string, scale: number) {
  return [...(await images.svgToPng(svg, scale))];
}

/** The grey levels of an animated PNG file's frames and their delays, as the browser plays it; a refusal of WebP. */
export async function animated(levels: number[], delay: number[]) {
  const [width, height] = [5, 3];
  const frames = levels.map(
    (level): Pixels => ({ data: new Uint8Array(width * height * 3).fill(level), width, height, channels: 3 }),
  );
  const decoder = new ImageDecoder({
    data: (await encodeAnimation(frames, "png", { delay })).slice().buffer,
    type: "image/png",
  });
  await decoder.tracks.ready;
  const { frameCount = 0, repetitionCount } = decoder.tracks.selectedTrack ?? {};
  const shown: number[] = [];
  const delays: (number | null)[] = [];
  for (let frameIndex = 0; frameIndex < frameCount; frameIndex++) {
    const { image } = await decoder.decode({ frameIndex });
    const pixels = new Uint8Array(image.allocationSize({ format: "RGBA" }));
    await image.copyTo(pixels, { format: "RGBA" });
    shown.push(pixels[0]);
    delays.push(image.duration);
    image.close();
  }
  const refusal = await encodeAnimation(frames, "webp").then(() => "written", String);
  return { shown, delays, isEndless: repetitionCount === Number.POSITIVE_INFINITY, refusal };
}

export const decoder = () => images.decoder();

type Answer = Awaited<ReturnType<typeof decode>>;

/** What a worker makes of an image file, and of an SVG file. @param address of the file */
export function inWorker(address: string): Promise<[Answer, string]> {
  return new Promise((resolve, reject) => {
    const worker = threads.start<string, never, [Answer, string]>(new URL(import.meta.url), address, {
      onMessage(answer) {
        resolve(answer);
        void worker.terminate();
      },
      onError: (message) => reject(new Error(message)),
      onExit() {},
    });
  });
}

if (!("document" in globalThis)) {
  thread.serve((address: string, post: (answer: [Answer, string]) => void) => {
    const refusal = images.svgToPng("<svg/>", 1).then(() => "drawn", String);
    void Promise.all([decode(address), refusal]).then(post);
    return () => {};
  });
}
