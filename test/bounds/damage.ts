// Damages bytes: cuts, changes or replaces some; in JSON, changes a field.

import fc from "fast-check";
import { oddValue } from "./odd_values.ts";

export type Damage = (bytes: Buffer) => Buffer;

const share = fc.double({ min: 0, max: 0.999, noNaN: true });

export const damage: fc.Arbitrary<Damage> = fc.oneof(
  share.map(
    (part): Damage =>
      (bytes) =>
        bytes.subarray(0, Math.floor(part * bytes.length)),
  ),
  fc.array(fc.tuple(share, fc.nat(255)), { minLength: 1, maxLength: 20 }).map(
    (changes): Damage =>
      (bytes) => {
        const changed = Buffer.from(bytes);
        for (const [place, byte] of changes) changed[Math.floor(place * bytes.length)] = byte;
        return changed;
      },
  ),
  fc.uint8Array({ maxLength: 300 }).map(
    (bytes): Damage =>
      () =>
        Buffer.from(bytes),
  ),
  fc.jsonValue().map(
    (value): Damage =>
      () =>
        Buffer.from(JSON.stringify(value)),
  ),
  fc.tuple(fc.nat(), oddValue).map(
    ([place, value]): Damage =>
      (bytes) => {
        try {
          return Buffer.from(withChange(JSON.parse(`${bytes}`), place, value));
        } catch {
          return Buffer.concat([bytes, bytes]);
        }
      },
  ),
);

/** JSON with one of its fields, at any depth, changed. */
function withChange(json: unknown, place: number, value: unknown): string {
  let left = place % countNodes(json);
  const rebuilt = (node: unknown): unknown => {
    if (left-- === 0) return value;
    if (Array.isArray(node)) return node.map(rebuilt);
    if (typeof node !== "object" || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, rebuilt(inner)]));
  };
  return JSON.stringify(rebuilt(json)) ?? "";
}

const countNodes = (node: unknown): number =>
  typeof node === "object" && node !== null
    ? Object.values(node).reduce((sum: number, inner) => sum + countNodes(inner), 1)
    : 1;
