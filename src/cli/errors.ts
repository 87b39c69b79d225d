// What an error means to the shell: one line on stderr and an exit code.

import { DataError } from "../data/errors.ts";
import { MemoryError, ThreadError } from "../engine/backend.ts";
import { ShapeError } from "../engine/shape.ts";
import { HubError } from "../io/hub/index.ts";
import { printable } from "../io/printable.ts";
import { MetricError } from "../metrics/errors.ts";
import { ModelConfigError } from "../models/unet_2d_config.ts";
import { PipelineError } from "../pipelines/errors.ts";
import { FileError, systemError } from "../platform/errors.ts";
import { DivergenceError, RunFolderError, TrainingOptionError } from "../training/errors.ts";

/** Exit codes of the command, as scripts rely on them. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The command was wrong: what was given, what was expected. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The work was interrupted by the user; the message says how to go on. Exit code 130. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Errors that explain themselves in one line; any other error is a fault of the program. */
const EXPLAINED = [
  UsageError,
  Interrupted,
  FileError,
  HubError,
  DataError,
  MetricError,
  ModelConfigError,
  ShapeError,
  MemoryError,
  ThreadError,
  PipelineError,
  TrainingOptionError,
  RunFolderError,
  DivergenceError,
];

/** Whether an error was made for the user's eyes. */
export const isExplained = (error: unknown): error is Error =>
  EXPLAINED.some((kind) => error instanceof kind);

/**
 * Runs the part of a command that only checks and reads what the user gave. What is wrong there is the command's
 * fault, not the work's: explained errors become UsageErrors. A network or system that fails is nobody's fault.
 */
export async function checking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isFailure =
      error instanceof Interrupted ||
      error instanceof ThreadError ||
      (error instanceof HubError && error.isFailure);
    if (isExplained(error) && !isFailure) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}

/** The exit code and the one line for an error that ended the command. */
export function describeError(thrown: unknown): { code: number; line: string } {
  const error = systemError(thrown);
  const message = error instanceof Error ? error.message : String(error);
  // A line feed in what explains itself is part of a name; others may write several lines.
  const oneLine = isExplained(error) ? message : message.replaceAll(/\s*\n\s*/g, " ");
  const line = printable(oneLine.trim());
  if (error instanceof UsageError) return { code: EXIT.usage, line };
  if (error instanceof Interrupted) return { code: EXIT.interrupted, line };
  if (isExplained(error)) return { code: EXIT.failed, line };
  return { code: EXIT.failed, line: `internal error: ${line} (IMAGO_DEBUG=1 shows where)` };
}
