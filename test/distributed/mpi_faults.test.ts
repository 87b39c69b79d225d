// A rank that dies, hangs or leaves ends the job within seconds, and a line says which and why. tools/mpi_faults.ts tries many
// more moments.

import { expect, test } from "vitest";
import { describeMpi } from "../support/mpi.ts";
import { type Fault, provoke } from "../support/mpi_faults.ts";

const CASES: readonly Pick<Fault, "kind" | "ranks" | "culprit">[] = [
  { kind: "killed", ranks: 2, culprit: 0 },
  { kind: "killed", ranks: 3, culprit: 2 },
  { kind: "stopped", ranks: 3, culprit: 0 },
  { kind: "stopped", ranks: 2, culprit: 1 },
  { kind: "endless", ranks: 3, culprit: 1 },
  { kind: "left", ranks: 2, culprit: 0 },
  { kind: "left", ranks: 3, culprit: 1 },
  { kind: "thrown", ranks: 3, culprit: 0 },
  { kind: "thrown", ranks: 3, culprit: 2 },
];

describeMpi("a rank at a random moment", (launcher) => {
  test.each(CASES)("$kind: rank $culprit of $ranks", async (fault) => {
    const delay = Math.round(Math.random() * 500);
    const { problems, output } = await provoke(launcher, { ...fault, delay });
    expect(problems, `after ${delay} ms:\n${output}`).toEqual([]);
  });
});
