// Assigns each intermediate buffer an offset in one arena; buffers that are never live at the same time may overlap.

export interface Lifetime {
  readonly bytes: number;
  /** First and last step (inclusive) at which the buffer is live. */
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan {
  /** Byte offset of each buffer, in the order given. */
  readonly offsets: readonly number[];
  /** Size of the arena. */
  readonly bytes: number;
}

/** What an arena is made of. */
export interface ArenaForm {
  /** Alignment of offsets, bytes. */
  readonly alignment: number;
  /** Bytes of one piece of the arena, a multiple of the alignment; no buffer crosses the border of two. */
  readonly piece: number;
}

/** One piece, aligned to cache lines. */
const WHOLE: ArenaForm = { alignment: 64, piece: Number.POSITIVE_INFINITY };

/**
 * Greedy by size: the largest buffer first, each at the lowest offset that is free for its whole lifetime.
 * @throws Error for a buffer that is larger than a piece
 */
export function planMemory(buffers: readonly Lifetime[], { alignment, piece } = WHOLE): MemoryPlan {
  const offsets = new Array<number>(buffers.length).fill(0);
  const placed: { start: number; end: number; first: number; last: number }[] = [];
  const bySize = buffers.map((_, i) => i).sort((a, b) => buffers[b].bytes - buffers[a].bytes || a - b);
  let total = 0;
  for (const i of bySize) {
    const { bytes, first, last } = buffers[i];
    const size = Math.ceil(bytes / alignment) * alignment;
    if (size > piece) throw new Error(`a buffer of ${size} bytes does not fit into pieces of ${piece}`);
    const inOnePiece = (from: number) =>
      (from % piece) + size > piece ? Math.ceil(from / piece) * piece : from;
    let start = 0;
    // `placed` is sorted by start, so the first gap that is large enough is the lowest.
    for (const other of placed) {
      if (other.last < first || last < other.first) continue;
      if (start + size <= other.start) break;
      start = inOnePiece(Math.max(start, other.end));
    }
    offsets[i] = start;
    total = Math.max(total, start + size);
    const at = placed.findIndex((other) => other.start > start);
    placed.splice(at === -1 ? placed.length : at, 0, { start, end: start + size, first, last });
  }
  return { offsets, bytes: total };
}
