// WebGPU of the browser.

import type { Gpus } from "../platform.ts";

export const gpus: Gpus = {
  missing: () => Promise.resolve(undefined),

  async open() {
    if ("gpu" in navigator && navigator.gpu) return navigator.gpu;
    throw new Error("this browser has no WebGPU, or not for pages without https");
  },
};
