// Where the MPI library may be that fits the launcher: beside the launcher, then where the system looks for libraries.

import { files, paths } from "#platform";
import type { Launch, MpiFamily } from "../launcher.ts";

/** Names of libraries, those of Linux first. `libmpi_abi` has the standard ABI of MPI 5. */
const NAMES: Readonly<Record<MpiFamily, readonly string[]>> = {
  openmpi: ["libmpi.so.40", "libmpi.40.dylib"],
  mpich: ["libmpi.so.12", "libmpich.so.12", "libmpi_abi.so.1", "libmpi.12.dylib", "libmpi_abi.1.dylib"],
};

/** What the variables are called in which MPI's users say where it is installed. */
const ROOTS = ["OPAL_PREFIX", "I_MPI_ROOT", "MPI_HOME", "MPI_ROOT"];
/** Where a library lies from there, or from the folder of the launcher's `bin`. */
const FOLDERS = ["lib", "lib64", "lib/release"];
/** Programs that start a process, or that start it for them on each machine. */
const LAUNCHER = /^(mpirun|mpiexec(\.\w+)?|orterun|orted|prterun|prted|hydra_\w+)$/;

/**
 * Paths and names to try, in this order. A launcher's own family only: a library of another starts each process alone.
 * @param launch undefined if no launcher is known
 */
export async function libraryNames(
  launch: Launch | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  const chosen = environment.IMAGO_MPI_LIBRARY;
  if (chosen !== undefined && chosen !== "") return [chosen];
  const names = launch?.family === undefined ? [...NAMES.openmpi, ...NAMES.mpich] : NAMES[launch.family];
  const told = ROOTS.flatMap((root) => environment[root] || []);
  const roots = [...(await rootsOfLaunchers()), ...told];
  const inRoots = roots.flatMap((root) =>
    FOLDERS.flatMap((folder) => names.map((name) => paths.join(root, folder, name))),
  );
  const there = await Promise.all(inRoots.map((path) => files.exists(path)));
  return [...inRoots.filter((_, i) => there[i]), ...names];
}

/** Where the launchers are installed that this process descends from, as far as the system shows it. */
async function rootsOfLaunchers(): Promise<string[]> {
  const roots: string[] = [];
  let process = "self";
  // A script, npx or a shell may stand between.
  for (let i = 0; i < 8 && process !== "0"; i++) {
    const program = await files.realPath(`/proc/${process}/exe`).catch(() => "");
    if (LAUNCHER.test(paths.basename(program))) roots.push(paths.dirname(paths.dirname(program)));
    process = await parentOf(process);
  }
  return roots;
}

/** The parent's id; "0" if there is none, or the system does not show it. */
async function parentOf(process: string): Promise<string> {
  const stat = await files.readText(`/proc/${process}/stat`).catch(() => "");
  // The name in brackets may contain anything; the state and the parent follow it.
  return /^.*\) \S+ (\d+) /s.exec(stat)?.[1] ?? "0";
}
