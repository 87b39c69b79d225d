// Reports errors to the shell: one line on stderr and an exit code.

import { DataError } from "../data/errors.ts";
import { DistributedError } from "../distributed/errors.ts";
import { GpuError, MemoryError, NativeCodeError, ThreadError } from "../engine/backend.ts";
import { ShapeError } from "../engine/shape.ts";
import { HubError } from "../io/hub/index.ts";
import { printable } from "../io/printable.ts";
import { MetricError } from "../metrics/errors.ts";
import { ModelConfigError } from "../models/unet_2d_config.ts";
import { PipelineError } from "../pipelines/errors.ts";
import { FileError, systemError } from "../platform/errors.ts";
import { DivergenceError, RunFolderError, TrainingOptionError } from "../training/errors.ts";

/** Exit codes of the command; scripts rely on them. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** An error in the command: the line says what was given and what was expected. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The user interrupted the work; the message says how to continue. Exit code 130. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** Errors with one-line explanations; any other error is a bug. */
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
  GpuError,
  NativeCodeError,
  DistributedError,
  PipelineError,
  TrainingOptionError,
  RunFolderError,
  DivergenceError,
];

/** Whether an error has an explanation for the user. */
export const isExplained = (error: unknown): error is Error =>
  EXPLAINED.some((kind) => error instanceof kind);

/**
 * Runs the part of a command that only checks and reads the user's input. Explained errors there are errors in the
 * command and become UsageErrors, except failures of the network or the system.
 */
export async function checking<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isFailure =
      error instanceof Interrupted ||
      error instanceof ThreadError ||
      error instanceof GpuError ||
      error instanceof NativeCodeError ||
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
  // In an explained error a line feed is part of a name; other errors may have several lines.
  const oneLine = isExplained(error) ? message : message.replaceAll(/\s*\n\s*/g, " ");
  const line = printable(oneLine.trim());
  if (error instanceof UsageError) return { code: EXIT.usage, line };
  if (error instanceof Interrupted) return { code: EXIT.interrupted, line };
  if (isExplained(error)) return { code: EXIT.failed, line };
  return { code: EXIT.failed, line: `internal error: ${line} (IMAGO_DEBUG=1 shows where)` };
}
