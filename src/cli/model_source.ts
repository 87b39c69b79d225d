// Checks the name of a model before it is read.

import { existsSync } from "node:fs";
import { files } from "#platform";
import { isRepoId } from "../io/hub/index.ts";
import { UsageError } from "./errors.ts";

/** Refuses a mistyped path, which must not be looked up on the network. @throws UsageError */
export async function checkModelSource(source: string): Promise<void> {
  if (isRepoId(source) && !existsSync(source) && (await files.replacementOf(source)) === undefined) {
    throw new UsageError(
      `${source}: no such folder; check the path, or write hf:${source} for a model of the Hugging Face Hub`,
    );
  }
}
