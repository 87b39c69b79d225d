// Chooses the channels of a data set by what its originals have.

import { type Channels, imageChannels } from "../../io/image/index.ts";
import { FileError } from "../../platform/errors.ts";
import type { DecodeOptions } from "./decode.ts";
import type { EncodedImages } from "./encoded.ts";
import { checkedChannels, type FormOptions } from "./form.ts";
import { inOrder } from "./in_order.ts";

/** Number of originals to look at, evenly spaced. */
const LOOKED_AT = 200;
/** With this share of transparent originals, transparency is learnt; fewer are put on the ground. */
const TRANSPARENT_SHARE = 0.5;

/**
 * The channels that are asked for, or for "auto" those of the originals.
 * @throws DataError for others, FileError when the source itself fails, the signal's reason when it is aborted
 */
export async function chosenChannels(
  encoded: EncodedImages,
  { channels = 3 }: Pick<FormOptions, "channels">,
  { concurrency, signal }: Pick<DecodeOptions, "concurrency" | "signal">,
): Promise<Channels> {
  const chosen = checkedChannels(channels);
  if (chosen !== "auto") return chosen;
  const looked = Math.min(encoded.count, LOOKED_AT);
  const found: Channels[] = [];
  const look = (i: number) => {
    signal?.throwIfAborted();
    return channelsOf(encoded, Math.floor((i * encoded.count) / looked));
  };
  for await (const own of inOrder(looked, concurrency, look)) if (own !== undefined) found.push(own);
  const transparent = found.filter((own) => own === 4).length;
  if (found.length > 0 && transparent >= TRANSPARENT_SHARE * found.length) return 4;
  return found.length > 0 && found.every((own) => own === 1) ? 1 : 3;
}

/** Undefined for a broken image, which is reported when it is decoded. */
async function channelsOf(encoded: EncodedImages, index: number): Promise<Channels | undefined> {
  try {
    const content = await encoded.content(index);
    return content instanceof Uint8Array ? await imageChannels(content) : content.channels;
  } catch (error) {
    if (error instanceof FileError) throw error;
    return undefined;
  }
}
