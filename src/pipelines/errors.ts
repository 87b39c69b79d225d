// What can be wrong with a pipeline that is loaded or asked for images, told in one line.

export class PipelineError extends Error {
  override readonly name = "PipelineError";
}
