// Where things are kept that can be made again: decoded images, what was measured of a GPU.

import { machine, paths } from "#platform";
import type { Machine } from "./platform.ts";

const { isAbsolute, join } = paths;

/** $IMAGO_CACHE, else imago in $XDG_CACHE_HOME, else in ~/.cache. */
export function cacheFolder(env: Machine["environment"] = machine.environment): string {
  const { IMAGO_CACHE, XDG_CACHE_HOME } = env;
  if (IMAGO_CACHE !== undefined && IMAGO_CACHE !== "") return IMAGO_CACHE;
  // The XDG specification says to ignore relative paths.
  const base =
    XDG_CACHE_HOME !== undefined && isAbsolute(XDG_CACHE_HOME)
      ? XDG_CACHE_HOME
      : join(paths.home(), ".cache");
  return join(base, "imago");
}
