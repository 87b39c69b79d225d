// Errors of a run, each in one line.

/** The run's folder cannot be used: it exists, does not exist, or was made with other options. */
export class RunFolderError extends Error {
  override readonly name = "RunFolderError";
}

/** An option of the training is out of range or conflicts with another one. */
export class TrainingOptionError extends Error {
  override readonly name = "TrainingOptionError";
}

/** The loss, the gradient or a weight is no longer finite. */
export class DivergenceError extends Error {
  override readonly name = "DivergenceError";
  /** The training step (from 1) in which this was found. */
  readonly step: number;
  /** The folder of the last checkpoint with finite weights, if there is one. */
  readonly checkpoint: string | undefined;

  constructor(step: number, message: string, checkpoint?: string) {
    super(message);
    this.step = step;
    this.checkpoint = checkpoint;
  }
}
