// How a process joins the others: loads a library, lets it connect them, and learns which ranks share a machine.

import type { ForeignCalls, ForeignLibrary } from "../../platform/platform.ts";
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
  const { name, library } = firstLibrary(foreign, names, launch?.name);
  const mpi = new Mpi(library, foreign);
  mpi.init();
  const size = mpi.size(mpi.world);
  const expected = launch?.size;
  const what = `${name} (${mpi.version})`;
  if (expected !== undefined && size !== expected)
    throw new DistributedError(
      `${launch?.name} started ${expected} processes, but ${what} connects ${size}: it belongs to another launcher; set ` +
        "IMAGO_MPI_LIBRARY to the path of the launcher's own libmpi",
    );
  if (launch === undefined && size === 1)
    throw new DistributedError(
      `${what} connects this process to no other: start it by a launcher, as in "mpirun -n 4 imago train ..."`,
    );
  const messages = new MpiMessages(mpi, foreign);
  return { mpi, messages, operations: new Operations(messages, foreign) };
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
  const whose = launcher === undefined ? "no MPI library" : `no MPI library of ${launcher}`;
  throw new DistributedError(`there is ${whose} (${names.join(", ")}): ${INSTALL}`);
}

/** The names of all ranks' machines, and this rank's place. @param run runs a course to its end */
export async function findPlace(
  { messages, operations }: Member,
  foreign: ForeignCalls,
  { host, machine }: Setup,
  run: (course: Course) => Promise<void>,
): Promise<{ readonly place: Place; readonly hosts: readonly string[] }> {
  const { rank, size } = messages;
  const own = new TextEncoder().encode(JSON.stringify([host, machine]));
  const { course, result } = operations.gather(foreign.addressOf(own), own.byteLength);
  await run(course);
  const share = async (bytes: Uint8Array | Float64Array): Promise<void> =>
    run(operations.broadcast(foreign.addressOf(bytes), bytes.byteLength, 0));
  const texts = [own, ...result].map((bytes) => new TextDecoder().decode(bytes));
  const list = new TextEncoder().encode(rank === 0 ? JSON.stringify(texts) : "");
  const length = Float64Array.of(list.byteLength);
  await share(length);
  const all = rank === 0 ? list : new Uint8Array(length[0]);
  await share(all);
  const machines: unknown = JSON.parse(new TextDecoder().decode(all));
  if (!Array.isArray(machines) || machines.length !== size)
    throw new DistributedError("the ranks do not agree about their number: do all run the same version?");
  const before = (end: number): number =>
    machines.slice(0, end).filter((one) => one === machines[rank]).length;
  return {
    place: { rank, size, localRank: before(rank), localSize: before(size) },
    hosts: machines.map((one) => hostOf(String(one))),
  };
}

function hostOf(text: string): string {
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? String(parsed[0]) : text;
}
