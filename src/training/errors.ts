// What can go wrong in a run, each told in one line.

/** The run's folder cannot be used as asked: it exists, does not, or was made with other options. */
export class RunFolderError extends Error {
  override readonly name = "RunFolderError";
}

/** An option of the training is out of range or does not go with another one. */
export class TrainingOptionError extends Error {
  override readonly name = "TrainingOptionError";
}

/** The loss, the gradient or a weight stopped being a finite number. */
export class DivergenceError extends Error {
  override readonly name = "DivergenceError";
  /** The training step (counted from 1) in which it was seen. */
  readonly step: number;
  /** The folder of the last checkpoint whose weights are finite, where there is one. */
  readonly checkpoint: string | undefined;

  constructor(step: number, message: string, checkpoint?: string) {
    super(message);
    this.step = step;
    this.checkpoint = checkpoint;
  }
}
