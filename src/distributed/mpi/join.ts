// How a process joins the others: loads a library, lets it connect them, and learns which ranks share a machine.

import type { ForeignCalls, ForeignLibrary } from "../../platform/native.ts";
import { DistributedError } from "../errors.ts";
import { Mpi } from "./functions.ts";
import type { Course } from "./messages.ts";
import { MpiMessages } from "./mpi_messages.ts";
import { Operations } from "./operations.ts";
import type { Place, Setup } from "./protocol.ts";

/** A process among the others. */
export interface Member {
  readonly mpi: Mpi;
  readonly messages: MpiMessages;
  readonly operations: Operations;
}

/**
 * Loads the first library that can be loaded and waits for the other processes.
 * @throws DistributedError if there is none, or it is not that of the launcher
 */
export function join(foreign: ForeignCalls, { names, launch }: Setup): Member {
  leaveSignals(foreign);
  const { name, library } = firstLibrary(foreign, names, launch?.name);
  const mpi = new Mpi(library, foreign);
  mpi.init();
  const size = mpi.size();
  const what = `${name} (${mpi.version})`;
  if (launch?.size !== undefined && size !== launch.size) {
    const started = `${launch.name} started ${launch.size} processes, but ${what} connects ${size}`;
    const unless = launch.family === undefined ? ", or give srun --mpi=pmix or --mpi=pmi2" : "";
    throw new DistributedError(
      `${started}: it belongs to another launcher; set IMAGO_MPI_LIBRARY to the path of the launcher's own libmpi${unless}`,
    );
  }
  if (launch === undefined && size === 1)
    throw new DistributedError(
      `${what} connects this process to no other: start it by a launcher, as in "mpirun -n 4 imago train ..."`,
    );
  const messages = new MpiMessages(mpi, foreign);
  return { mpi, messages, operations: new Operations(messages, foreign) };
}

/**
 * UCX, through which MPICH sends, would take a fault in memory for the end of the program; WebAssembly checks its bounds by such
 * faults. It reads the variable when it is loaded; the user's own value stays.
 */
function leaveSignals(foreign: ForeignCalls): void {
  const [name, value] = ["UCX_ERROR_SIGNALS\0", "\0"].map((text) => new TextEncoder().encode(text));
  const setenv = foreign.load().bind("setenv", ["address", "address", "int"]);
  setenv?.(foreign.addressOf(name), foreign.addressOf(value), 0);
}

const INSTALL =
  "install one (Debian: apt-get install openmpi-bin, or mpich; PyPI: pip install mpich) or set IMAGO_MPI_LIBRARY to the path " +
  "of a libmpi";

function firstLibrary(
  foreign: ForeignCalls,
  names: readonly string[],
  launcher: string | undefined,
): { readonly name: string; readonly library: ForeignLibrary } {
  const reasons: string[] = [];
  for (const name of names) {
    try {
      return { name, library: foreign.load(name) };
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (names.length === 1) throw new DistributedError(`${names[0]} cannot be loaded: ${reasons[0]}`);
  const [broken] = reasons.filter((reason) => !/no such file|not found/i.test(reason));
  const why = broken === undefined ? "" : `, or it cannot be loaded (${broken})`;
  const whose = launcher === undefined ? "no MPI library" : `no MPI library of ${launcher}`;
  throw new DistributedError(`there is ${whose} (${names.join(", ")})${why}: ${INSTALL}`);
}

/** Where a rank runs. */
export interface Home {
  readonly host: string;
  /** Equal on the processes of one machine, together with the host's name. */
  readonly machine: string;
}

/** Where all ranks run. @param run runs a course to its end */
export async function findHomes(
  { messages, operations }: Member,
  foreign: ForeignCalls,
  home: Home,
  run: (course: Course) => Promise<void>,
): Promise<readonly Home[]> {
  const own = new TextEncoder().encode(JSON.stringify(home));
  const { course, result } = operations.gather(foreign.addressOf(own), own.byteLength);
  await run(course);
  const share = (bytes: Uint8Array | Float64Array): Promise<void> =>
    run(operations.broadcast(foreign.addressOf(bytes), bytes.byteLength, 0));
  const texts = [own, ...result].map((bytes) => new TextDecoder().decode(bytes));
  const list = new TextEncoder().encode(`[${texts.join()}]`);
  const length = Float64Array.of(list.byteLength);
  await share(length);
  const all = messages.rank === 0 ? list : new Uint8Array(length[0]);
  await share(all);
  return homesOf(new TextDecoder().decode(all), messages.size);
}

function homesOf(text: string, size: number): Home[] {
  const homes: unknown = JSON.parse(text);
  if (!Array.isArray(homes) || homes.length !== size || !homes.every(isHome))
    throw new DistributedError("the ranks do not understand each other: do all run the same version?");
  return homes;
}

function isHome(value: unknown): value is Home {
  if (typeof value !== "object" || value === null) return false;
  if (!("host" in value && "machine" in value)) return false;
  return typeof value.host === "string" && typeof value.machine === "string";
}

/** A rank's place among the ranks of its machine. */
export function placeOf(rank: number, homes: readonly Home[]): Place {
  const onMachine = homes.map(
    ({ host, machine }) => host === homes[rank].host && machine === homes[rank].machine,
  );
  const count = (until: number): number => onMachine.slice(0, until).filter((is) => is).length;
  return { rank, size: homes.length, localRank: count(rank), localSize: count(homes.length) };
}
