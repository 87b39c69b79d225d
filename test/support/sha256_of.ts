// A hash of tensors, as Python's scripts make it.

import { createHash } from "node:crypto";
import type { StoredTensor } from "../../src/io/safetensors.ts";

/** Of names, shapes and values. */
export const sha256Of = (tensors: ReadonlyMap<string, Pick<StoredTensor, "shape" | "data">>): string => {
  const lines = [...tensors].map(([name, { shape, data }]) =>
    Buffer.concat([Buffer.from(`${name} ${shape.join(",")}\n`), new Uint8Array(data.slice().buffer)]),
  );
  return createHash("sha256")
    .update(Buffer.concat(lines.sort(Buffer.compare)))
    .digest("hex");
};
