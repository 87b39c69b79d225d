// The browser, and what it says of its machine.

import type { Machine } from "../platform.ts";

const GIB = 2 ** 30;
/** Where the browser does not say: most machines with a current browser have as much. */
const USUAL_MEMORY = 4 * GIB;

/** In GiB, rounded, and at most 8; not in every browser. */
const told = (): number | undefined =>
  "deviceMemory" in navigator && typeof navigator.deviceMemory === "number"
    ? navigator.deviceMemory
    : undefined;

/** "chromium/156.0.0.0", "firefox/150.0", ... by what the browser calls itself. */
function runtimeOf(agent: string): string {
  const [, name = "browser", version = "0"] =
    /(Firefox|Edg|Chrome)\/([\d.]+)/.exec(agent) ??
    /Version\/([\d.]+).*(Safari)/.exec(agent)?.toReversed() ??
    [];
  return `${name === "Chrome" ? "chromium" : name.toLowerCase()}/${version}`;
}

export const machine: Machine = {
  cores: () => navigator.hardwareConcurrency,
  allCores: () => navigator.hardwareConcurrency,
  memory: () => (told() === undefined ? USUAL_MEMORY : (told() ?? 0) * GIB),
  sharesMemory: () => globalThis.crossOriginIsolated,
  hasOrigin: true,
  hostName: () => location.host,
  runtime: runtimeOf(navigator.userAgent),
  environment: {},
  widenVectors: () => false,
  returnFreedMemory: () => undefined,
  warn: (message) => console.warn(message),
  // Nobody waits for a page, and it ends without notice.
  onExit: () => () => {},
};
