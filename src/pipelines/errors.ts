// What can be wrong with a pipeline that is loaded or asked for images, told in one line.

export class PipelineError extends Error {
  override readonly name = "PipelineError";
}

/** @throws PipelineError where the work throws a RangeError: what a scheduler cannot do was asked of the pipeline */
export function asPipelineError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new PipelineError(error.message, { cause: error });
  }
}

/** @throws PipelineError unless the value is a whole number of at least 1 */
export function wholeAtLeast1(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new PipelineError(`${name} is ${value}, expected a whole number of at least 1`);
}
