// A platform whose functions all fail. In place of "#platform" it shows that code needs no other platform
// (browser_bundle.test.ts), and checks code against the types alone (tsconfig.portable.json).

import type * as native from "../../src/platform/native.ts";
import type * as platform from "../../src/platform/platform.ts";

/** Every function of a group, each of which refuses. */
function refusing<Group extends object>(name: string): Group {
  const refuse = (_: object, key: string | symbol) => () => {
    throw new Error(`${name}.${String(key)} was called`);
  };
  return new Proxy(Object.create(null), { get: refuse });
}

export const archives = refusing<platform.Archives>("archives");
export const compression = refusing<platform.Compression>("compression");
export const files = refusing<platform.Files>("files");
export const foreign = refusing<native.Foreign>("foreign");
export const gpus = refusing<platform.Gpus>("gpus");
export const hashing = refusing<platform.Hashing>("hashing");
export const images = refusing<platform.Images>("images");
export const machine = refusing<platform.Machine>("machine");
export const nativeCode = refusing<native.NativeCode>("nativeCode");
export const paths = refusing<platform.Paths>("paths");
export const processes = refusing<platform.Processes>("processes");
export const tables = refusing<platform.Tables>("tables");
export const thread = refusing<platform.ThreadScope>("thread");
export const threads = refusing<platform.Threads>("threads");
export const timing = refusing<platform.Timing>("timing");
