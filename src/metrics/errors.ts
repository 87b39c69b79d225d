// What goes wrong with measurements: the message is one line that says what was found and what to do.

/** A measurement cannot be made of what was given. */
export class MetricError extends Error {
  override readonly name = "MetricError";
}
