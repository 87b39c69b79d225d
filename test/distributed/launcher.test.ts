// Which launcher started a process, by variables as the launchers set them.

import { describe, expect, test } from "vitest";
import { launchOf } from "../../src/distributed/launcher.ts";

describe("the launcher", () => {
  test("of a plain process is none", () => {
    expect(launchOf({ PATH: "/usr/bin", SLURM_JOB_ID: "7", SLURM_NTASKS: "4" })).toBeUndefined();
  });

  test("is Open MPI's, also where it starts processes through Slurm", () => {
    const environment = {
      OMPI_COMM_WORLD_SIZE: "4",
      OMPI_COMM_WORLD_RANK: "2",
      PMIX_RANK: "2",
      SLURM_STEP_NUM_TASKS: "2",
      SLURM_PROCID: "0",
    };
    expect(launchOf(environment)).toMatchObject({ family: "openmpi", size: 4, rank: 2, tellsRanks: true });
  });

  test("is MPICH's or Intel's", () => {
    const environment = {
      HYDI_CONTROL_FD: "7",
      MPI_LOCALNRANKS: "4",
      PMI_SIZE: "8",
      PMI_RANK: "3",
      SLURM_STEP_NUM_TASKS: "2",
    };
    expect(launchOf(environment)).toMatchObject({ family: "mpich", size: 8, rank: 3, tellsRanks: false });
  });

  test("is Slurm's, which starts both families", () => {
    const environment = { SLURM_STEP_NUM_TASKS: "4", SLURM_PROCID: "1", PMI_RANK: "1", PMI_SIZE: "4" };
    expect(launchOf(environment)).toMatchObject({ family: undefined, size: 4, rank: 1 });
  });

  test("may not say how many there are", () => {
    expect(launchOf({ PMIX_RANK: "5" })).toMatchObject({ size: undefined, rank: 5 });
    expect(launchOf({ PMI_RANK: "0", PMI_SIZE: "many" })).toMatchObject({ size: undefined, rank: 0 });
  });
});
