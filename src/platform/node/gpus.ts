// WebGPU on Node: Dawn, in the npm package "webgpu", which is optional.

import { readdir } from "node:fs/promises";
import type { Gpus } from "../platform.ts";

/** Where Linux shows GPUs: their drivers' devices. */
const DEVICES = [
  { folder: "/dev/dri", name: /^renderD/ },
  { folder: "/dev", name: /^(nvidia\d|dxg$|kgsl|mali)/ },
];

async function hasDevice(): Promise<boolean> {
  const found = await Promise.all(
    DEVICES.map(async ({ folder, name }) => {
      const names = await readdir(folder).catch(() => []);
      return names.some((one) => name.test(one));
    }),
  );
  return found.includes(true);
}

export const gpus: Gpus = {
  async missing() {
    return process.platform === "linux" && !(await hasDevice()) ? "this machine has no GPU" : undefined;
  },

  async open() {
    let dawn: typeof import("webgpu");
    try {
      dawn = await import("webgpu");
    } catch (cause) {
      throw new Error(`the npm package "webgpu" cannot be loaded here; "npm install webgpu" installs it`, {
        cause,
      });
    }
    return dawn.create([]);
  },
};
