// Saves a pipeline, as a process of its own: once, or again and again until it is ended.
//   node saving_process.ts FOLDER TO again|once

import { StableDiffusionPipeline } from "../../src/pipelines/stable_diffusion_pipeline.ts";
import { FileError } from "../../src/platform/errors.ts";

const [from, to, how] = process.argv.slice(2);
const pipeline = await StableDiffusionPipeline.fromPretrained(from);
const save = () => (to.endsWith(".safetensors") ? pipeline.saveSingleFile(to) : pipeline.savePretrained(to));
try {
  do {
    await save();
    process.stdout.write("saved\n");
  } while (how === "again");
} catch (error) {
  if (!(error instanceof FileError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
