// Every operation between processes, under each launcher.

import { hostname } from "node:os";
import { expect, test } from "vitest";
import { describeMpi } from "../support/mpi.ts";
import { startJob } from "../support/mpi_jobs.ts";

describeMpi("operations by MPI", (launcher) => {
  test.each([1, 2, 3, 4, 5, 6])("%i ranks", async (size) => {
    const { code, stdout, stderr } = await startJob(launcher, size, ["collectives.ts"]).end;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const places = stdout
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(places).toHaveLength(size);
    for (let rank = 0; rank < size; rank++)
      expect(places).toContainEqual({ rank, size, host: hostname(), localRank: rank, localSize: size });
  });
});
