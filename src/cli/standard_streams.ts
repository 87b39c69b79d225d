// Standard output and standard error can disappear during a command: a reader ends, a terminal is closed, a disk is
// full. Node throws for such a stream unless someone listens; this module reports the loss of standard output once.

import { errorCode, explainSystemError } from "../platform/errors.ts";

/** How standard output was lost. */
export type OutputLoss =
  /**
   * Its reader ended (`imago --help
   * head`), which is not an error.
   */
  | { readonly kind: "unread" }
  /** The terminal was closed. */
  | { readonly kind: "closed" }
  /** Writing failed. */
  | { readonly kind: "failed"; readonly message: string };

/** Errors of writing to a pipe or socket that has no reader any more. */
const UNREAD = ["EPIPE", "ECONNRESET"];

/**
 * Watches the standard streams.
 * @param onLoss called once, after a failed write to standard output
 * @returns a function that waits until all output has arrived or failed, and returns the loss
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
  // It cannot be reported anywhere, and no work depends on it.
  process.stderr.on("error", () => {});
  return async () => {
    const { stdout } = process;
    // With nothing pending, write nothing: a full device refuses even an empty write.
    if (stdout.writableLength > 0) await new Promise((written) => stdout.write("", written));
    // A stream reports a failure slightly after the write.
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
