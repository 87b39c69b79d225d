// Kills, stops and breaks ranks of imago train at random moments, and goes on with each run on another number of ranks.
//
//   node tools/mpi_training_faults.ts --count 50                 each fault, under each launcher that is here
//   node tools/mpi_training_faults.ts --count 50 --kind killed --launcher MPICH
//
// The exit code is 1 where a job did not end within seconds with a line that names rank, host and cause, left a damaged
// checkpoint or a process, or where the run that went on left other bytes than one that nothing happened to.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isThere, LAUNCHERS } from "../test/support/mpi_jobs.ts";
import { DisturbedRuns, MOMENTS, RANKS, TRAINING_FAULTS } from "../test/support/mpi_training_faults.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "50" },
    kind: { type: "string" },
    launcher: { type: "string" },
  },
});
const kinds = TRAINING_FAULTS.filter((kind) => values.kind === undefined || kind === values.kind);
const launchers = LAUNCHERS.filter(({ name }) => values.launcher === undefined || name === values.launcher);
const whole = (below: number): number => Math.floor(Math.random() * below);

for (const launcher of launchers.filter(isThere)) {
  const folder = await mkdtemp(join(tmpdir(), "imago-faults-"));
  const runs = await DisturbedRuns.in(folder, launcher);
  for (const kind of kinds) {
    const seconds: number[] = [];
    let [faults, early, unfinished] = [0, 0, 0];
    for (let i = 0; i < Number(values.count); i++) {
      const ranks = RANKS[1 + whole(2)];
      const others = RANKS.filter((count) => count !== ranks);
      const fault = {
        ...{ kind, ranks, culprit: whole(ranks), moment: MOMENTS[i % MOMENTS.length] },
        ...{ where: Math.random(), later: others[whole(others.length)] },
      };
      const end = await runs.disturb(launcher, fault);
      seconds.push(end.seconds);
      if (end.steps === 0) early++;
      if (end.isUnfinished) unfinished++;
      if (end.problems.length === 0) continue;
      faults++;
      process.exitCode = 1;
      console.log(JSON.stringify(fault), end.problems.join("; "), `\n${end.output}`);
    }
    seconds.sort((a, b) => a - b);
    const [middle, most] = [seconds[seconds.length >> 1], seconds.at(-1)].map((one) => one?.toFixed(1));
    console.log(
      `${launcher.name}, ${kind}: ${seconds.length} jobs, ${early} before the first step, ${unfinished} in a checkpoint; ${faults} not as they should; ${middle} s, at most ${most} s`,
    );
  }
  await rm(folder, { recursive: true });
}
