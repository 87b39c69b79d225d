// The codec that the config.json of a run names.

import type { Codec } from "./codec.ts";
import { identity } from "./identity.ts";
import { PATCH_CODEC, patchesOf } from "./patches.ts";
import { UNIT_RANGE_CODEC, unitRange } from "./unit_range.ts";

/**
 * @param config the class name and config of a `SavedCodec`; undefined for the identity
 * @throws RangeError for one that this version does not have
 */
export function codecFromConfig(config: Readonly<Record<string, unknown>> | undefined): Codec {
  if (config === undefined) return identity;
  if (config._class_name === PATCH_CODEC) return patchesOf(config.patch_size);
  if (config._class_name === UNIT_RANGE_CODEC) return unitRange;
  throw new RangeError(
    `the codec ${JSON.stringify(config._class_name)} is not known, expected ${PATCH_CODEC} or ${UNIT_RANGE_CODEC}`,
  );
}
