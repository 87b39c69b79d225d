// How processes find each other, or say in one line why they do not.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openCommunicator } from "../../src/index.ts";
import { describeMpi } from "../support/mpi.ts";
import { startJob } from "../support/mpi_jobs.ts";

const SCRIPT = fileURLToPath(new URL("ranks/open.ts", import.meta.url));

/** What the script says without a launcher. */
function openAlone(mode: string, environment: Readonly<Record<string, string>>): string {
  const env = { ...process.env, ...environment };
  return spawnSync(process.execPath, [SCRIPT, mode], { env, encoding: "utf8" }).stdout;
}

test("a process without a launcher computes alone", async () => {
  expect(await openCommunicator()).toMatchObject({ rank: 0, size: 1 });
  expect(await openCommunicator({ mode: "none" })).toMatchObject({ rank: 0, size: 1 });
});

test("mpi without a launcher says what to install, or how to start", () => {
  const how =
    /there is no MPI library \(.*\): install one .*|connects this process to no other: start it by a launcher/;
  expect(openAlone("mpi", {})).toMatch(how);
});

test("the library that the user names must be there", () => {
  const line = openAlone("auto", { PMI_SIZE: "4", PMI_RANK: "0", IMAGO_MPI_LIBRARY: "/nowhere/libmpi.so" });
  expect(line).toMatch(/^DistributedError: \/nowhere\/libmpi.so cannot be loaded: .*\n$/);
});

test("seconds must be a number", () => {
  const line = openAlone("mpi", { IMAGO_MPI_TIMEOUT: "soon" });
  expect(line).toBe('DistributedError: IMAGO_MPI_TIMEOUT is "soon": give seconds, or 0 to wait for ever\n');
});

test("a connection to the launcher that was closed on the way", () => {
  const environment = { PMI_SIZE: "2", PMI_RANK: "0", PMI_FD: "7" };
  const line =
    /^DistributedError: .* has closed its connection to the launcher \(PMI_FD=7\): start "mpirun -pmi-port .*\n$/;
  expect(openAlone("auto", environment)).toMatch(line);
  expect(openAlone("none", environment)).toBe("1 ranks\n");
});

test("one rank alone is no work for MPI, unless the user wants it", () => {
  const environment = { PMI_SIZE: "1", PMI_RANK: "0", IMAGO_MPI_LIBRARY: "/nowhere/libmpi.so" };
  expect(openAlone("auto", environment)).toBe("1 ranks\n");
  expect(openAlone("mpi", environment)).toMatch(/cannot be loaded/);
});

describeMpi("ranks", (launcher) => {
  test.each(["auto", "mpi"])("find each other: %s", async (mode) => {
    const { code, stdout, stderr } = await startJob(launcher, 2, ["open.ts", mode]).end;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "2 ranks\n".repeat(2), stderr: "" });
  });

  test("compute alone if the user wants it", async () => {
    const { code, stdout } = await startJob(launcher, 2, ["open.ts", "none"]).end;
    expect({ code, stdout }).toEqual({ code: 0, stdout: "1 ranks\n".repeat(2) });
  });

  test("are not connected by the library of another launcher", async () => {
    const other = launcher.name === "MPICH" ? "libmpi.so.40" : "libmpich.so.12";
    const job = startJob(launcher, 2, ["open.ts", "auto"], { IMAGO_MPI_LIBRARY: other });
    const { code, stdout } = await job.end;
    expect(code).not.toBe(0);
    const why = /started 2 processes, but libmpi.* connects 1: .* set IMAGO_MPI_LIBRARY to|cannot be loaded/;
    for (const line of stdout.trim().split("\n")) expect(line).toMatch(why);
  });

  test("that do different things end, instead of waiting for each other", async () => {
    const { code, stderr, seconds } = await startJob(launcher, 2, ["different.ts"]).end;
    expect(code).not.toBe(0);
    expect(seconds).toBeLessThan(30);
    expect(stderr).toMatch(
      /imago: rank . on host .* and rank . on host .* (do not do the same|have not done the same before their call)/,
    );
  });
});
