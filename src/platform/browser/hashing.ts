// Hashes, by @noble/hashes: the browser's own are asynchronous, and cannot take a file piece by piece.

import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Hasher, Hashing } from "../platform.ts";

const ALGORITHMS = { sha256, sha1 };
/** The most bytes that `getRandomValues` gives at once. */
const MAX_RANDOM = 65_536;

const bytesOf = (data: Uint8Array | string): Uint8Array =>
  typeof data === "string" ? utf8ToBytes(data) : data;

function hasher(algorithm: "sha256" | "sha1"): Hasher {
  const hash = ALGORITHMS[algorithm].create();
  const own: Hasher = {
    update(data) {
      hash.update(bytesOf(data));
      return own;
    },
    digest: () => bytesToHex(hash.digest()),
  };
  return own;
}

export const hashing: Hashing = {
  hasher,
  sha256: (data) => bytesToHex(sha256(bytesOf(data))),
  randomHex(bytes) {
    const random = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += MAX_RANDOM) {
      crypto.getRandomValues(random.subarray(at, at + MAX_RANDOM));
    }
    return bytesToHex(random);
  },
};
