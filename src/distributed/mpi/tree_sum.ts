// A sum over ranks along one binary tree, in slices. MPI leaves the order of its own sums open, so that they may differ from
// one number of ranks, machine or library to another.
//
// A node of the tree is a range of ranks whose width is a power of two (the last may be shorter); it adds its two halves. At
// each node either the left or the right half's sum travels, and a sum of two floats has the same bits in either order. So
// the slices take turns: each bit of a slice's number says which half has the sum at one level. All ranks then receive, add
// and send about as much: 2 (size - 1) / size of the array each way, the least that is possible.

import { type Messages, type Strand, TAGS } from "./messages.ts";

/** Bytes of a float. */
const FLOAT = 4;

/** How a sum is cut. */
export interface Slicing {
  /** Floats of a slice. */
  readonly slice: number;
  /** Addresses of memory for one slice each: as many slices are under way at a time. */
  readonly scratch: readonly number[];
}

/** Sums `count` floats at an address over all ranks, in place. */
export function* sumSlices(
  messages: Messages,
  address: number,
  count: number,
  { slice, scratch }: Slicing,
): Generator<Strand> {
  const free = [...scratch];
  for (let start = 0; start < count; start += slice)
    yield sumSlice(messages, start / slice, address + start * FLOAT, Math.min(slice, count - start), free);
}

/** One slice: up the tree as long as this rank has its node's sum, then down again with the total. */
function* sumSlice(
  messages: Messages,
  slice: number,
  address: number,
  count: number,
  free: number[],
): Strand {
  const { rank, size } = messages;
  const [bytes, tag] = [count * FLOAT, slice % TAGS];
  const below: number[] = []; // ranks that have sent their sums, and wait for the total
  const scratch = free.pop();
  if (scratch === undefined) throw new Error("more slices are under way than there is memory for");
  for (let width = 1; width < size; width *= 2) {
    const left = rank - (rank % (2 * width));
    if (left + width >= size) continue; // a node without a right half
    const halves = [ownerOf(left, width, slice, size), ownerOf(left + width, width, slice, size)];
    const owner = ownerOf(left, 2 * width, slice, size);
    const other = halves[0] === owner ? halves[1] : halves[0];
    if (rank === other) {
      yield [messages.send(address, bytes, owner, tag)];
      yield [messages.receive(address, bytes, owner, tag)];
      break;
    }
    yield [messages.receive(scratch, bytes, other, tag)];
    messages.add(scratch, address, count);
    below.push(other);
  }
  free.push(scratch);
  yield below.reverse().map((other) => messages.send(address, bytes, other, tag));
}

/** The rank that has the sum of the ranks `first` .. `first + width`. */
function ownerOf(first: number, width: number, slice: number, size: number): number {
  if (width === 1) return first;
  const half = width / 2;
  const isRight = first + half < size && Math.floor(slice / half) % 2 === 1;
  return ownerOf(isRight ? first + half : first, half, slice, size);
}
