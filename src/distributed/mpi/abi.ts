// What differs between MPI libraries in machine code: how wide a handle is, and which numbers are the handles of what every
// library has. Open MPI's handles are addresses of its variables; those of MPICH and its kin (Intel MPI, MVAPICH, Cray) are
// 32-bit numbers; those of the standard ABI (MPI 5) are numbers as wide as addresses.

import type { ForeignLibrary, ForeignType } from "../../platform/native.ts";
import { DistributedError } from "../errors.ts";

/** The handles and constants that are used here. */
export interface Abi {
  /** How a handle is passed. */
  readonly handle: ForeignType;
  readonly world: number;
  readonly float: number;
  readonly byte: number;
  readonly sum: number;
  /** The error handler that returns errors, so that the library does not end the process. */
  readonly errorsReturn: number;
  readonly statusIgnore: number;
  /** The level of threads: there are several, and one of them calls MPI. */
  readonly threadFunneled: number;
}

const MPICH: Abi = {
  handle: "int",
  world: 0x44000000,
  float: 0x4c00040a,
  byte: 0x4c00010d,
  sum: 0x58000003,
  errorsReturn: 0x54000001,
  statusIgnore: 1,
  threadFunneled: 1,
};

const STANDARD: Abi = {
  handle: "address",
  world: 0x101,
  float: 0x210,
  byte: 0x247,
  sum: 0x21,
  errorsReturn: 0x143,
  statusIgnore: 0,
  threadFunneled: 1024,
};

/**
 * The ABI of a library. Only libraries that know of the standard ABI have `MPI_Abi_get_version`; those that have another all
 * the same say -1 there.
 * @param name what `MPI_Get_library_version` says
 * @throws DistributedError if it is not one that is known
 */
export function abiOf(
  library: ForeignLibrary,
  name: string,
  addressOf: (array: ArrayBufferView) => number,
): Abi {
  const openMpi = openMpiAbi(library);
  if (openMpi !== undefined) return openMpi;
  const version = library.bind("MPI_Abi_get_version", ["address", "address"]);
  if (version !== undefined) {
    const numbers = new Int32Array(2);
    const address = addressOf(numbers);
    version(address, address + 4);
    if (numbers[0] > 0) return STANDARD;
  }
  if (/MPICH|Intel|MVAPICH|ParaStation/i.test(name)) return MPICH;
  throw new DistributedError(
    `"${name}" is no MPI library that is known here: use Open MPI, MPICH, Intel MPI or one with MPI 5's ABI`,
  );
}

function openMpiAbi(library: ForeignLibrary): Abi | undefined {
  const names = ["comm_world", "float", "byte", "op_sum", "errors_return"];
  const handles = names.map((name) => library.symbol(`ompi_mpi_${name}`));
  if (handles.includes(undefined)) return undefined;
  const [world = 0, float = 0, byte = 0, sum = 0, errorsReturn = 0] = handles;
  return { handle: "address", world, float, byte, sum, errorsReturn, statusIgnore: 0, threadFunneled: 1 };
}
