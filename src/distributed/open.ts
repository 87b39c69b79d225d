// Whether this process computes alone or with others: by what the user wants and by the launcher that started it.

import { files, foreign, machine, processes } from "#platform";
import type { Communicator } from "./communicator.ts";
import { DistributedError } from "./errors.ts";
import { type Launch, launchOf } from "./launcher.ts";
import { libraryNames } from "./mpi/library_names.ts";
import { joinByMpi } from "./mpi/mpi_communicator.ts";
import { singleProcess } from "./single.ts";

/** `auto`: with the others, if a launcher started several processes. `mpi`: with others. `none`: alone. */
export const DISTRIBUTED_MODES = ["auto", "mpi", "none"] as const;
/** How a process finds others: one of `DISTRIBUTED_MODES`. */
export type DistributedMode = (typeof DISTRIBUTED_MODES)[number];

/** Seconds without a sign of life after which a rank counts as lost, if the user does not say. */
const TIMEOUT = 10;

/**
 * Joins the processes that a launcher (mpirun, srun) started together with this one, through MPI. A process may do this
 * once. Environment variables: [distributed.md](../../docs/distributed.md).
 * @throws DistributedError if there is no MPI where it is needed, or it is not the launcher's, in one line that says what to do
 */
export async function openCommunicator(
  options: { readonly mode?: DistributedMode } = {},
): Promise<Communicator> {
  const { mode = "auto" } = options;
  const { environment } = machine;
  const launch = launchOf(environment);
  const isAlone = launch === undefined || launch.size === 1;
  if (mode === "none" || (mode === "auto" && isAlone)) return singleProcess();
  checkConnection(environment.PMI_FD);
  const calls = foreign.open();
  if (typeof calls === "string") throw new DistributedError(`processes cannot be connected by MPI: ${calls}`);
  return joinByMpi(calls, {
    library: calls.library,
    names: await libraryNames(launch, environment),
    launch,
    host: machine.hostName(),
    machine: await bootOf(),
    guard: guardOf(launch),
    timeout: timeoutOf(environment.IMAGO_MPI_TIMEOUT),
  });
}

/** Whether a launcher of several processes started this one, be it the only one. */
export const isLaunched = (): boolean => launchOf(machine.environment) !== undefined;

/**
 * npx, and whatever else closes what it does not know, cuts a process off from launchers that talk to it by a socket: MPICH's, Intel
 * MPI's, Slurm's with PMI-2. The library would take the process for one that is alone, or end it.
 */
function checkConnection(descriptor: string | undefined): void {
  if (descriptor === undefined || processes.isSocket(Number(descriptor))) return;
  throw new DistributedError(
    `what started this process, npx perhaps, has closed its connection to the launcher (PMI_FD=${descriptor}): start "mpirun -pmi-port ... npx imago ..." or "mpirun ... node_modules/.bin/imago ..."`,
  );
}

/** Differs between machines of one name, where the system tells. */
const bootOf = (): Promise<string> => files.readText("/proc/sys/kernel/random/boot_id").catch(() => "");

/**
 * Says that this rank was killed where the launcher does not. MPICH's and Intel's kills the others at once and may then name one of
 * them; it waits for the end of what a rank shares with it, so it hears of the death after the line.
 */
function guardOf(launch: Launch | undefined): number | undefined {
  if (launch?.rank === undefined || launch.tellsRanks) return undefined;
  const { PMI_FD, HYDI_CONTROL_FD } = machine.environment;
  const held = [PMI_FD, HYDI_CONTROL_FD].filter((text) => /^\d{1,3}$/.test(text ?? "")).map(Number);
  return processes.guard(`imago: rank ${launch.rank} on host ${machine.hostName()}`, held).process;
}

function timeoutOf(text = ""): number {
  if (text === "") return TIMEOUT;
  const seconds = Number(text);
  if (!(seconds >= 0 && seconds <= 1e6))
    throw new DistributedError(`IMAGO_MPI_TIMEOUT is "${text}": give seconds, or 0 to wait for ever`);
  return seconds;
}
