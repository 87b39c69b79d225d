// Hashes by OpenSSL.

import { createHash, randomBytes } from "node:crypto";
import type { Hasher, Hashing } from "../platform.ts";

function hasher(algorithm: "sha256" | "sha1"): Hasher {
  const hash = createHash(algorithm);
  const own: Hasher = {
    update(data) {
      hash.update(data);
      return own;
    },
    digest: () => hash.digest("hex"),
  };
  return own;
}

export const hashing: Hashing = {
  hasher,
  sha256: (data) => createHash("sha256").update(data).digest("hex"),
  randomHex: (bytes) => randomBytes(bytes).toString("hex"),
};
