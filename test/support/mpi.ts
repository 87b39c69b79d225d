// Tests that need a launcher of MPI. They are skipped, by name, where it is absent, unless IMAGO_NEEDS_MPI is set.

import { describe } from "vitest";
import { isThere, LAUNCHERS, type Launcher } from "./mpi_jobs.ts";

const launchers = LAUNCHERS.filter(isThere);
const missing = LAUNCHERS.filter((launcher) => !launchers.includes(launcher));

if (process.env.IMAGO_NEEDS_MPI !== undefined && missing.length > 0)
  throw new Error(
    `IMAGO_NEEDS_MPI is set, and there is no ${missing.map(({ command }) => command).join(", ")}`,
  );

/** A group of tests for each launcher; skipped, by name, where it is absent. */
export function describeMpi(name: string, tests: (launcher: Launcher) => void): void {
  for (const { name: launcher, command } of missing)
    describe.skip(`${name}, ${launcher} (skipped: there is no ${command})`, () => {});
  for (const launcher of launchers) describe(`${name}, ${launcher.name}`, () => tests(launcher));
}
