// The error of work that several processes do together.

/** Processes cannot work together, or no longer. The message is one line: what is wrong and what to do. */
export class DistributedError extends Error {
  override readonly name = "DistributedError";
}
