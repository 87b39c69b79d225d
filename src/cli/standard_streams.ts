// Standard output and standard error may go away under a command: a reader ends, a terminal is closed, a disk is full.
// Node throws for such a stream where nobody listens; here it is told once what became of standard output.

import { errorCode, explainSystemError } from "../platform/errors.ts";

/** What became of standard output. */
export type OutputLoss =
  /** Its reader went away (`imago --help | head`), which is no fault. */
  | { readonly kind: "unread" }
  /** The terminal was closed. */
  | { readonly kind: "closed" }
  /** It cannot be written. */
  | { readonly kind: "failed"; readonly message: string };

/** What a write to a pipe or socket gives that nobody reads any more. */
const UNREAD = ["EPIPE", "ECONNRESET"];

/**
 * @param onLoss called once, when a write to standard output has failed
 * @returns waits until all that was written has arrived or failed, and gives what was lost
 */
export function watchStandardStreams(
  onLoss: (loss: OutputLoss) => void,
): () => Promise<OutputLoss | undefined> {
  let loss: OutputLoss | undefined;
  process.stdout.on("error", (error) => {
    if (loss !== undefined) return;
    loss = lossOf(error);
    onLoss(loss);
  });
  // There is no other place to tell of it, and no work depends on it.
  process.stderr.on("error", () => {});
  return async () => {
    const { stdout } = process;
    // Where nothing waits, nothing is written: a full device refuses no bytes, too.
    if (stdout.writableLength > 0) await new Promise((written) => stdout.write("", written));
    // A stream tells of a failure a moment after the write.
    await new Promise((told) => setImmediate(told));
    return loss;
  };
}

function lossOf(error: Error): OutputLoss {
  const code = errorCode(error) ?? "";
  if (UNREAD.includes(code)) return { kind: "unread" };
  if (code === "EIO" && process.stdout.isTTY) return { kind: "closed" };
  const explained = explainSystemError(error, "write to it", "standard output");
  return { kind: "failed", message: explained instanceof Error ? explained.message : String(explained) };
}
