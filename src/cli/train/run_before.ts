// The run that a training goes on with. Of several processes, only the first looks into its folder.

import * as v from "valibot";
import { saidByFirst } from "../../distributed/collective.ts";
import type { Communicator } from "../../distributed/communicator.ts";
import { checkpointSteps } from "../../training/run/checkpoint.ts";
import { configText, parseConfig, type RunConfig, type RunFolder } from "../../training/run/run_folder.ts";
import { UsageError } from "../errors.ts";

export interface RunBefore {
  readonly config: RunConfig;
  /** Whether it has weights of its own; a run that ended before its first checkpoint begins again. */
  readonly hasCheckpoint: boolean;
}

const saidSchema = v.nullable(v.object({ config: v.string(), hasCheckpoint: v.boolean() }));

/**
 * Reads the run to resume, or checks that a new one can have the folder.
 * @returns undefined for a new run
 * @throws UsageError where there is no run to resume, RunFolderError where there is something else
 */
export async function readRunBefore(
  folder: RunFolder,
  resume: boolean,
  communicator: Communicator,
): Promise<RunBefore | undefined> {
  const text = await saidByFirst(communicator, async () => {
    if (!resume) {
      await folder.checkFree();
      return "null";
    }
    if (!(await folder.isRun())) {
      throw new UsageError(
        `there is no run ${folder.path} to resume; give its folder with --out, or leave out --resume`,
      );
    }
    const config = configText(await folder.readConfig());
    return JSON.stringify({ config, hasCheckpoint: (await checkpointSteps(folder)).length > 0 });
  });
  const said = v.parse(saidSchema, JSON.parse(text));
  return said === null ? undefined : { ...said, config: parseConfig(said.config) };
}
