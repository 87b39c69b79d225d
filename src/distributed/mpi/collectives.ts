// Broadcast, gathering and barrier, from messages between two ranks.

import { type Messages, type Strand, TAGS } from "./messages.ts";

/** Bytes of a slice: its transfer takes long beside the cost of a message. */
const SLICE = 1 << 20;

/** The bytes of one rank to all others, along a tree of which it is the root: slices follow each other down. */
export function* broadcastSlices(
  messages: Messages,
  address: number,
  bytes: number,
  root: number,
  sliceBytes = SLICE,
): Generator<Strand> {
  const { rank, size } = messages;
  const place = (rank - root + size) % size; // 0: the root
  const rankOf = (place: number) => (place + root) % size;
  // A place's parent lacks its lowest bit; its children add a bit below that.
  const lowest = place === 0 ? size : place & -place;
  const children: number[] = [];
  for (let bit = 1; bit < lowest && place + bit < size; bit *= 2) children.unshift(rankOf(place + bit));
  for (let start = 0, tag = 0; start < bytes; start += sliceBytes, tag = (tag + 1) % TAGS) {
    const slice = { address: address + start, bytes: Math.min(sliceBytes, bytes - start), tag };
    yield broadcastSlice(messages, slice, place === 0 ? undefined : rankOf(place - lowest), children);
  }
}

interface Slice {
  readonly address: number;
  readonly bytes: number;
  readonly tag: number;
}

function* broadcastSlice(
  messages: Messages,
  { address, bytes, tag }: Slice,
  parent: number | undefined,
  children: readonly number[],
): Strand {
  if (parent !== undefined) yield [messages.receive(address, bytes, parent, tag)];
  yield children.map((child) => messages.send(address, bytes, child, tag));
}

/** Sends bytes in slices, each of which every library can send at once. */
export function* sendTo(messages: Messages, address: number, bytes: number, to: number): Strand {
  for (let start = 0; start < bytes; start += SLICE)
    yield [messages.send(address + start, Math.min(SLICE, bytes - start), to, 0)];
}

/** Receives what `sendTo` sends. */
export function* receiveFrom(messages: Messages, address: number, bytes: number, from: number): Strand {
  for (let start = 0; start < bytes; start += SLICE)
    yield [messages.receive(address + start, Math.min(SLICE, bytes - start), from, 0)];
}

/**
 * Ends when all ranks have begun it: after n rounds a rank has heard, through others, from the 2^n ranks before it.
 * @param address of any memory; messages are empty
 */
export function* meet(messages: Messages, address: number): Strand {
  const { rank, size } = messages;
  for (let distance = 1; distance < size; distance *= 2) {
    yield [
      messages.send(address, 0, (rank + distance) % size, 0),
      messages.receive(address, 0, (rank - distance + size) % size, 0),
    ];
  }
}
