// What processes that compute together can do: everything that training needs, and nothing that names MPI.

/**
 * Processes ("ranks") that compute together. All of them must call the same methods in the same order, with equal lengths
 * except in `gather`. One call may start before an earlier one is done; they are carried out in order. An array belongs to
 * its call until that is done.
 *
 * A rank that ends early, stands still, or can no longer be reached ends the others, too: no call waits for it for ever.
 */
export interface Communicator {
  /** The number of this process: 0 .. size - 1. */
  readonly rank: number;
  /** The number of processes. */
  readonly size: number;
  /** The name of this rank's machine. */
  readonly host: string;
  /** The number of this process among those of its machine, in order of rank: 0 .. localSize - 1. */
  readonly localRank: number;
  /** The number of processes on this machine. */
  readonly localSize: number;
  /**
   * Overwrites `bytes` on every rank with those of one rank.
   * @param root the rank that has them. Default: 0
   */
  broadcast(bytes: Uint8Array, root?: number): Promise<void>;
  /**
   * Sums each element over the ranks, in place. Ranks are added along one binary tree that depends on their number only:
   * ((0 + 1) + (2 + 3)) + ..., each sum rounded to float32. Every rank gets the same bits, each time.
   */
  sum(values: Float32Array): Promise<void>;
  /** Collects the bytes of all ranks. @returns at rank 0 those of each rank, in order; elsewhere undefined */
  gather(bytes: Uint8Array): Promise<Uint8Array[] | undefined>;
  /** Resolves when all ranks have called it. */
  barrier(): Promise<void>;
  /**
   * Ends all ranks at once, with one line on stderr that names this rank, its machine and the cause, and exit code 1. Never
   * resolves; a process that is alone rejects with a DistributedError of that cause instead, which its caller reports.
   */
  abort(cause: string): Promise<never>;
  /** Ends the work together: the last call of every rank. */
  close(): Promise<void>;
}
