// Errors of pipelines, each in one line.

/** An invalid pipeline, or invalid options for one, in one line. */
export class PipelineError extends Error {
  override readonly name = "PipelineError";
}

/** Images with values that are not finite: the weights or the options are too extreme. */
export class NotFiniteError extends PipelineError {}

/**
 * Turns a RangeError of the work into a PipelineError: the options exceed what a scheduler supports.
 * @throws PipelineError
 */
export function asPipelineError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw pipelineErrorOf(error);
  }
}

/** A RangeError of a scheduler as the pipeline's error; other errors unchanged. */
export const pipelineErrorOf = (error: unknown): unknown =>
  error instanceof RangeError ? new PipelineError(error.message, { cause: error }) : error;

/** @throws PipelineError unless the value is a whole number of at least 1 */
export function wholeAtLeast1(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new PipelineError(`${name} is ${value}, expected a whole number of at least 1`);
}
