// Reads the user's images to look through them, and changes pictures as training does, in a worker, so that the page stays
// quick.

import { CatalogReading, type NearSummary, openImages, synthetic, withChannels } from "imago";
import { mountFiles, type PlacedFile, unmountFiles } from "imago/browser";
import type { Choice, DataStatus, Entry, ImageForm } from "../places/data_place.ts";
import { augment } from "./augment.ts";
import type { DataCall } from "./data_messages.ts";
import type { Pictures } from "./messages.ts";
import type { WorkerMessage, WorkerReply } from "./worker_calls.ts";

/** Largest side of drawn butterflies: all that are drawn are kept. */
const MOST_DRAWN_SIDE = 256;

/** The data set that is open: a new one takes its place. */
let open: { readonly id: string; readonly reading: CatalogReading; forget(): void } | undefined;
let opened = 0;

addEventListener("message", async ({ data: { id, call } }: MessageEvent<WorkerMessage<DataCall>>) => {
  let reply: WorkerReply;
  try {
    reply = { id, value: await answer(call) };
  } catch (error) {
    reply = { id, refused: messageOf(error) };
  }
  postMessage(reply);
});

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function answer(call: DataCall): Promise<unknown> {
  switch (call.name) {
    case "open":
      return begin(call.form, call.files);
    case "status":
      return status(readingOf(call.id));
    case "summary":
      return readingOf(call.id).catalog.summary();
    case "near":
      return near(readingOf(call.id));
    case "entries":
      return entries(readingOf(call.id), call.choice);
    case "pictures":
      return pictures(readingOf(call.id), call.images, call.side);
    case "close":
      if (open?.id === call.id) close();
      return undefined;
    case "augment":
      return augment(call.request);
    default:
      return call satisfies never;
  }
}

function begin(form: ImageForm, files: readonly PlacedFile[] | null): string {
  close();
  const id = String(++opened);
  open =
    files === null ? { id, reading: drawn(form), forget: () => undefined } : { id, ...given(form, files) };
  return id;
}

function close(): void {
  open?.reading.close();
  open?.forget();
  open = undefined;
}

function drawn({ size, channels }: ImageForm): CatalogReading {
  return new CatalogReading(async () => {
    if (Math.max(size.width, size.height) > MOST_DRAWN_SIDE) {
      throw new Error(
        `--size is ${size.width}x${size.height}; drawn butterflies are looked at with up to ${MOST_DRAWN_SIDE} pixels a side`,
      );
    }
    return synthetic({ size, channels: channels === "auto" ? 3 : channels });
  });
}

/** Files of the user, which stay where they are. */
function given(form: ImageForm, files: readonly PlacedFile[]): { reading: CatalogReading; forget(): void } {
  let path: string | undefined;
  const forget = (): void => {
    if (path !== undefined) unmountFiles(path);
  };
  const reading = new CatalogReading(async (tell, signal) => {
    path = await mountFiles(files);
    const name = path.split("/").at(-1) ?? path;
    return openImages(path, {
      ...form,
      ...{ name: files.length === 1 || !/^\d+$/.test(name) ? name : "the chosen files", signal },
      onBroken: "skip",
      onProgress: (done, total) => tell({ text: `reading images: ${done} of ${total}`, share: done / total }),
    });
  });
  return { reading, forget };
}

function readingOf(id: string): CatalogReading {
  if (open?.id === id) return open.reading;
  throw new Error("this data set is no longer open; read it again");
}

function status({ status: { problem, ...others } }: CatalogReading): DataStatus {
  return { ...others, problem: problem === undefined ? null : messageOf(problem) };
}

function near({ near }: CatalogReading): NearSummary {
  if (near === undefined) throw new Error("near-duplicates are not known yet; wait for them");
  return near;
}

function entries({ catalog }: CatalogReading, choice: Choice): Entry[] {
  const indices =
    "images" in choice
      ? choice.images
      : catalog.indices(choice.from, choice.count, choice.label === null ? undefined : choice.label);
  return indices.map((index) => catalog.entry(index));
}

async function pictures(
  { catalog, cooperation }: CatalogReading,
  images: readonly number[],
  side: number | undefined,
): Promise<Pictures> {
  const joined = await catalog.pictures(images, side, cooperation);
  const { data, width, height } = withChannels(joined, 4);
  const rgba = new Uint8ClampedArray(data);
  return { width, height: height / images.length, count: images.length, rgba };
}
