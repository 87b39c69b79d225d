// What processes do together in terms of a Communicator: share out numbered things, agree, and tell each other.

import type { Communicator } from "./communicator.ts";

/** Things that follow each other: from `first`, `count` of them. */
export interface Share {
  readonly first: number;
  readonly count: number;
}

/** This process's share of `count` things: in order of rank, as equal as can be. */
export function shareOfCount(count: number, { rank, size }: Pick<Communicator, "rank" | "size">): Share {
  const begin = (of: number) => Math.floor((of * count) / size);
  return { first: begin(rank), count: begin(rank + 1) - begin(rank) };
}

/** Whether each of these is true on any process. The answer is the same on all. */
export async function anyOf(communicator: Communicator, flags: readonly boolean[]): Promise<boolean[]> {
  return (await sumOf(communicator, flags.map(Number))).map((count) => count > 0);
}

/** The sums of numbers over all processes. @param numbers that float32 holds exactly, as do their sums */
export async function sumOf(communicator: Communicator, numbers: readonly number[]): Promise<number[]> {
  const sums = Float32Array.from(numbers);
  await communicator.sum(sums);
  return [...sums];
}

/** Longer texts are taken for a fault of whoever sends them. */
const LONGEST_TEXT = 2 ** 26;

/** What rank 0 says, on every process. @param say called there only */
export async function saidByFirst(communicator: Communicator, say: () => Promise<string>): Promise<string> {
  const { rank, size } = communicator;
  const said = rank === 0 ? new TextEncoder().encode(await say()) : undefined;
  if (size === 1) return new TextDecoder().decode(said);
  const length = Uint32Array.of(said?.length ?? 0);
  await communicator.broadcast(bytesOf(length));
  if (length[0] > LONGEST_TEXT)
    throw new RangeError(`a text of ${length[0]} bytes, expected at most ${LONGEST_TEXT}`);
  const bytes = said ?? new Uint8Array(length[0]);
  await communicator.broadcast(bytes);
  return new TextDecoder().decode(bytes);
}

/** Gives every process the values of rank 0, in place. */
export async function valuesOfFirst(communicator: Communicator, values: Float32Array): Promise<void> {
  if (communicator.size > 1) await communicator.broadcast(bytesOf(values));
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Uint32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
