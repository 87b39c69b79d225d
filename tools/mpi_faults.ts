// Kills, stops and breaks ranks at random moments, and says how each job ended.
//
//   node tools/mpi_faults.ts --count 50                          each fault, under each launcher that is here
//   node tools/mpi_faults.ts --count 50 --kind killed
//
// The exit code is 1 where a job did not end within seconds, with a line that names rank, host and cause.

import { parseArgs } from "node:util";
import { FAULTS, provoke } from "../test/support/mpi_faults.ts";
import { isThere, LAUNCHERS } from "../test/support/mpi_jobs.ts";

const { values } = parseArgs({
  options: { count: { type: "string", default: "50" }, kind: { type: "string" } },
});
const kinds = FAULTS.filter((kind) => values.kind === undefined || kind === values.kind);
const whole = (below: number): number => Math.floor(Math.random() * below);

for (const launcher of LAUNCHERS.filter(isThere))
  for (const kind of kinds) {
    const seconds: number[] = [];
    let faults = 0;
    for (let i = 0; i < Number(values.count); i++) {
      const ranks = 2 + whole(3);
      const fault = { kind, ranks, culprit: whole(ranks), delay: whole(1500) };
      const end = await provoke(launcher, fault);
      seconds.push(end.seconds);
      if (end.problems.length === 0) continue;
      faults++;
      process.exitCode = 1;
      console.log(JSON.stringify(fault), end.problems.join("; "), `\n${end.output}`);
    }
    seconds.sort((a, b) => a - b);
    const [middle, most] = [seconds[seconds.length >> 1], seconds.at(-1)].map((one) => one?.toFixed(1));
    console.log(
      `${launcher.name}, ${kind}: ${seconds.length} jobs, ${faults} not as they should; ${middle} s, at most ${most} s`,
    );
  }
