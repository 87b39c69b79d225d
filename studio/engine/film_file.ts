// A film as a file.

import { encodeAnimation } from "imago";
import { delaysOf } from "./film.ts";
import type { Pictures } from "./messages.ts";

/** An animated PNG, which every browser shows. @param holdsLast whether the last picture stays for a while */
export async function filmFile(pictures: Pictures, holdsLast: boolean): Promise<Blob> {
  const { width, height, count, rgba } = pictures;
  const size = 4 * width * height;
  const frames = Array.from({ length: count }, (_, i) => ({
    ...{ width, height, channels: 4 as const },
    data: new Uint8Array(rgba.slice(size * i, size * (i + 1))),
  }));
  const bytes = await encodeAnimation(frames, "png", { delay: delaysOf(pictures, holdsLast) });
  return new Blob([new Uint8Array(bytes)], { type: "image/png" });
}
