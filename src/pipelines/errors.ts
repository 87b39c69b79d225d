// What can be wrong with a pipeline that is loaded or asked for images, told in one line.

/** A pipeline that cannot be, or options that it does not take, in one line. */
export class PipelineError extends Error {
  override readonly name = "PipelineError";
}

/** Images that are no numbers any more: the weights, or what was asked of them, are beyond all measure. */
export class NotFiniteError extends PipelineError {}

/** @throws PipelineError where the work throws a RangeError: what a scheduler cannot do was asked of the pipeline */
export function asPipelineError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw pipelineErrorOf(error);
  }
}

/** A RangeError of a scheduler as the pipeline's; any other error as it is. */
export const pipelineErrorOf = (error: unknown): unknown =>
  error instanceof RangeError ? new PipelineError(error.message, { cause: error }) : error;

/** @throws PipelineError unless the value is a whole number of at least 1 */
export function wholeAtLeast1(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new PipelineError(`${name} is ${value}, expected a whole number of at least 1`);
}
