// A rank of imago train that dies, hangs or throws ends the job with a line that says why, leaves whole checkpoints, and another
// number of ranks goes on from there to the same bytes. tools/mpi_training_faults.ts tries many more moments.

import { expect, test } from "vitest";
import { freshFolder } from "../support/folder.ts";
import { describeMpi } from "../support/mpi.ts";
import { DisturbedRuns, type TrainingFault } from "../support/mpi_training_faults.ts";

const CASES: readonly Omit<TrainingFault, "where">[] = [
  { kind: "killed", moment: "writing", ranks: 2, culprit: 0, later: 1 },
  { kind: "stopped", moment: "computing", ranks: 4, culprit: 3, later: 2 },
  { kind: "thrown", moment: "starting", ranks: 2, culprit: 1, later: 1 },
];

describeMpi("a fault in training", (launcher) => {
  const folder = freshFolder();
  test.each(CASES)("$kind, $moment: rank $culprit of $ranks, $later go on", async (fault) => {
    const runs = await DisturbedRuns.in(folder(), launcher);
    const where = Math.random();
    const { problems, output } = await runs.disturb(launcher, { ...fault, where });
    expect(problems, `at ${where}:\n${output}`).toEqual([]);
  });
});
