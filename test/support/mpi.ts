// Tests under the launchers of MPI. A job is several processes, for which other tests would have to wait, so they run by
// themselves, where IMAGO_NEEDS_MPI is set; elsewhere they are skipped, by name:
//
//   IMAGO_NEEDS_MPI=1 npx vitest run test/distributed

import { describe } from "vitest";
import { isThere, LAUNCHERS, type Launcher } from "./mpi_jobs.ts";

const isWanted = process.env.IMAGO_NEEDS_MPI !== undefined;
const missing = isWanted ? LAUNCHERS.filter((launcher) => !isThere(launcher)) : [];

if (missing.length > 0)
  throw new Error(
    `IMAGO_NEEDS_MPI is set, and there is no ${missing.map(({ command }) => command).join(", ")}`,
  );

/** A group of tests for each launcher. */
export function describeMpi(name: string, tests: (launcher: Launcher) => void): void {
  for (const launcher of LAUNCHERS) {
    const title = `${name}, ${launcher.name}`;
    if (isWanted) describe(title, () => tests(launcher));
    else describe.skip(`${title} (skipped: IMAGO_NEEDS_MPI is not set)`, () => {});
  }
}
