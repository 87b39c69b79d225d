// The messages between a process and the thread that calls MPI for it. Addresses are those of the process's memory, which
// the thread shares. Requests are carried out in order, and each of them but "abort" and "here" gets one reply.

import type { Launch } from "../launcher.ts";

/** What the thread begins with. */
export interface Setup {
  /** How it loads shared libraries: `ForeignCalls.library`. */
  readonly library: string;
  /** Paths and names of MPI libraries, to try in this order. */
  readonly names: readonly string[];
  readonly launch: Launch | undefined;
  readonly host: string;
  /** Equal on the processes of one machine. */
  readonly machine: string;
  /** The process that would say that this one has died: `ProcessGuard.process`. */
  readonly guard: number | undefined;
  /** Seconds without a sign of life after which a rank counts as lost; 0: never. */
  readonly timeout: number;
}

/** What all ranks do together. */
export type Operation =
  | { readonly kind: "broadcast"; readonly address: number; readonly bytes: number; readonly root: number }
  | { readonly kind: "sum"; readonly address: number; readonly count: number }
  | { readonly kind: "gather"; readonly address: number; readonly bytes: number }
  | { readonly kind: "barrier" }
  | { readonly kind: "close" };

export type Request =
  | Operation
  | { readonly kind: "abort"; readonly cause: string }
  /** The answer to "ask". */
  | { readonly kind: "here" };

/** Where a rank is in the group. */
export interface Place {
  readonly rank: number;
  readonly size: number;
  readonly localRank: number;
  readonly localSize: number;
}

export type Reply =
  | { readonly kind: "open"; readonly place: Place }
  /** @param gathered at rank 0 the bytes of ranks 1, 2, ... */
  | { readonly kind: "done"; readonly gathered?: readonly Uint8Array<ArrayBuffer>[] }
  /** Nothing can be done any more. */
  | { readonly kind: "failed"; readonly message: string }
  /** Asks whether the process still handles events. */
  | { readonly kind: "ask" };
