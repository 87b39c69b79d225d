// Runs the ranks of the tests under MPI libraries that are packages of PyPI, each with its launcher: MPICH 5 and Intel MPI, each
// by its own ABI and by the standard one of MPI 5.
//
//   node tools/mpi_wheels.ts [FOLDER]      installs into FOLDER (default: a folder of its own in the system's for temporary files)
//
// It needs python3 with venv and pip. The exit code is 1 where a job did not end as it should.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provoke } from "../test/support/mpi_faults.ts";
import { type Launcher, startJob } from "../test/support/mpi_jobs.ts";

const folder = process.argv[2] ?? join(tmpdir(), "imago-mpi-wheels");
const WHEELS = ["mpich", "impi-rt"];
const LIBRARIES = ["libmpi.so.12", "libmpi_abi.so.1"];

function run(command: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(command, args, {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
}

function launcherOf(wheel: string, library: string): Launcher {
  const root = join(folder, wheel);
  return {
    name: `${wheel}, ${library}`,
    command: join(root, "bin", "mpiexec.hydra"),
    args: [],
    stop: "SIGINT",
    environment: { I_MPI_ROOT: root, I_MPI_FABRICS: "shm", IMAGO_MPI_LIBRARY: join(root, "lib", library) },
  };
}

for (const wheel of WHEELS) {
  const root = join(folder, wheel);
  if (!existsSync(join(root, "bin", "mpiexec.hydra"))) {
    run("python3", "-m", "venv", root);
    run(join(root, "bin", "pip"), "install", "--quiet", wheel);
  }
  for (const library of LIBRARIES) {
    const launcher = launcherOf(wheel, library);
    for (const ranks of [2, 3, 4]) {
      const { code, stderr, seconds } = await startJob(launcher, ranks, ["collectives.ts"]).end;
      if (code !== 0) process.exitCode = 1;
      console.log(
        `${launcher.name}: ${ranks} ranks, ${code === 0 ? "right" : stderr}, ${seconds.toFixed(1)} s`,
      );
    }
    for (const kind of ["killed", "stopped", "thrown"] as const) {
      const { problems, seconds, output } = await provoke(launcher, {
        kind,
        ranks: 3,
        culprit: 1,
        delay: 300,
      });
      if (problems.length > 0) process.exitCode = 1;
      const how = problems.length === 0 ? "right" : `${problems.join("; ")}\n${output}`;
      console.log(`${launcher.name}: one ${kind}, ${how}, ${seconds.toFixed(1)} s`);
    }
  }
}
