// Errors of measurements: one line that says what was found and what to do.

/** The given data do not allow a measurement. */
export class MetricError extends Error {
  override readonly name = "MetricError";
}
