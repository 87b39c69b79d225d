// A page that hashes, unpacks and parses.

import { archives, compression, hashing, tables } from "#platform";

export function sha256(pieces: number, bytes: number): string {
  const piece = Uint8Array.from({ length: bytes }, (_, i) => i % 251);
  const hasher = hashing.hasher("sha256");
  for (let i = 0; i < pieces; i++) hasher.update(piece);
  return hasher.digest();
}

export const randomHex = (bytes: number) => hashing.randomHex(bytes);

/** @returns the bytes, or what is wrong */
export async function inflateRaw(packed: number[], most: number) {
  return compression.inflateRaw(Uint8Array.from(packed), most).then(
    (bytes) => [...bytes],
    (error: Error) => `! ${error.message}`,
  );
}

export const gunzip = (packed: number[], most: number) => [
  ...compression.gunzip(Uint8Array.from(packed), most),
];

export const csvRows = (text: string) => tables.csvRows(text, 1000);

export async function namesIn(archive: number[]) {
  const bytes = Uint8Array.from(archive);
  const read = async (position: number, length: number) => bytes.subarray(position, position + length);
  const names: string[] = [];
  const { entries } = await archives.zipDirectory(read, bytes.length);
  for await (const { name } of entries) names.push(name);
  return names;
}
