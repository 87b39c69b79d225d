// Chooses the channels of a data set by what its originals have.

import { type Channels, decodeImage } from "../../io/image/index.ts";
import { FileError } from "../../platform/errors.ts";
import type { EncodedImages } from "./encoded.ts";
import { checkedChannels, type FormOptions } from "./form.ts";

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
  signal: AbortSignal | undefined,
): Promise<Channels> {
  const chosen = checkedChannels(channels);
  if (chosen !== "auto") return chosen;
  const looked = Math.min(encoded.count, LOOKED_AT);
  const found: Channels[] = [];
  for (let i = 0; i < looked; i++) {
    signal?.throwIfAborted();
    const own = await channelsOf(encoded, Math.floor((i * encoded.count) / looked));
    if (own !== undefined) found.push(own);
  }
  const transparent = found.filter((own) => own === 4).length;
  if (found.length > 0 && transparent >= TRANSPARENT_SHARE * found.length) return 4;
  return found.length > 0 && found.every((own) => own === 1) ? 1 : 3;
}

/** Undefined for a broken image, which is reported when it is decoded. */
async function channelsOf(encoded: EncodedImages, index: number): Promise<Channels | undefined> {
  try {
    const content = await encoded.content(index);
    return content instanceof Uint8Array ? (await decodeImage(content)).channels : content.channels;
  } catch (error) {
    if (error instanceof FileError) throw error;
    return undefined;
  }
}
