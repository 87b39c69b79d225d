// The error of data sets.

/** An error in data: the message is one line that says what was found and what to do. */
export class DataError extends Error {
  override readonly name = "DataError";
}
