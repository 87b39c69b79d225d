// Conversions and joins of byte arrays.

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Decodes UTF-8: a byte order mark stays, and invalid bytes become U+FFFD. */
export const decodeUtf8 = (bytes: Uint8Array): string => utf8.decode(bytes);

/** Concatenates arrays. */
export function joinedBytes(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
