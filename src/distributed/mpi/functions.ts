// The functions of MPI that are used here, with their errors as exceptions that name the call.

import type { ForeignCalls, ForeignLibrary, ForeignType } from "../../platform/native.ts";
import { DistributedError } from "../errors.ts";
import { type Abi, abiOf } from "./abi.ts";

/** Bytes for the longest text that any library writes. */
const TEXT_BYTES = 8192;

/** An MPI library, open in this thread, which makes all its calls. */
export class Mpi {
  /** What the library calls itself, in a few words. */
  readonly version: string;
  readonly #abi: Abi;
  readonly #library: ForeignLibrary;
  /** Where functions leave numbers. */
  readonly #numbers = new Int32Array(1);
  readonly #text = new Uint8Array(TEXT_BYTES);
  readonly #at: { readonly numbers: number; readonly text: number };
  readonly #functions;

  /** @throws DistributedError if the library lacks a function, or is not of a known kind */
  constructor(library: ForeignLibrary, foreign: ForeignCalls) {
    this.#library = library;
    this.#at = {
      numbers: foreign.addressOf(this.#numbers),
      text: foreign.addressOf(this.#text),
    };
    this.version = this.#readVersion();
    this.#abi = abiOf(library, this.version, (array) => foreign.addressOf(array));
    this.#functions = this.#bindAll(this.#abi.handle);
  }

  #bindAll(handle: ForeignType) {
    const [int, address] = ["int", "address"] as const;
    const message = [address, int, handle, int, int, handle, address] as const;
    return {
      init: this.#bind("MPI_Init_thread", [address, address, int, address]),
      rank: this.#bind("MPI_Comm_rank", [handle, address]),
      size: this.#bind("MPI_Comm_size", [handle, address]),
      setErrorHandler: this.#bind("MPI_Comm_set_errhandler", [handle, handle]),
      errorText: this.#bind("MPI_Error_string", [int, address, address]),
      send: this.#bind("MPI_Isend", message),
      receive: this.#bind("MPI_Irecv", message),
      test: this.#bind("MPI_Test", [address, address, address]),
      add: this.#bind("MPI_Reduce_local", [address, address, int, handle, handle]),
      abort: this.#bind("MPI_Abort", [handle, int]),
      finalize: this.#bind("MPI_Finalize", []),
    };
  }

  /** Joins the other processes: returns when the launcher has connected them. */
  init(): void {
    this.#check("MPI_Init_thread", this.#functions.init(0, 0, this.#abi.threadFunneled, this.#at.numbers));
    const { setErrorHandler } = this.#functions;
    const { world, errorsReturn } = this.#abi;
    this.#check("MPI_Comm_set_errhandler", setErrorHandler(world, errorsReturn));
  }

  /** The number of this process. */
  rank(): number {
    this.#check("MPI_Comm_rank", this.#functions.rank(this.#abi.world, this.#at.numbers));
    return this.#numbers[0];
  }

  /** The number of processes. */
  size(): number {
    this.#check("MPI_Comm_size", this.#functions.size(this.#abi.world, this.#at.numbers));
    return this.#numbers[0];
  }

  /** Starts to send bytes. @param request where the library keeps the handle of this message, 8 bytes */
  send(address: number, bytes: number, to: number, tag: number, request: number): void {
    const { send } = this.#functions;
    this.#check("MPI_Isend", send(address, bytes, this.#abi.byte, to, tag, this.#abi.world, request));
  }

  /** Starts to receive exactly so many bytes. @param request as in `send` */
  receive(address: number, bytes: number, from: number, tag: number, request: number): void {
    const { receive } = this.#functions;
    this.#check("MPI_Irecv", receive(address, bytes, this.#abi.byte, from, tag, this.#abi.world, request));
  }

  /** Whether a message is done; its handle is then gone. */
  test(request: number): boolean {
    const { test } = this.#functions;
    this.#check("MPI_Test", test(request, this.#at.numbers, this.#abi.statusIgnore));
    return this.#numbers[0] !== 0;
  }

  /** Adds floats at one address to those at another. */
  add(from: number, to: number, count: number): void {
    const { add } = this.#functions;
    this.#check("MPI_Reduce_local", add(from, to, count, this.#abi.float, this.#abi.sum));
  }

  /** Ends all processes. Mostly it does not return. */
  abort(exitCode: number): void {
    this.#functions.abort(this.#abi.world, exitCode);
  }

  /** Leaves the other processes, which do the same. */
  finalize(): void {
    this.#check("MPI_Finalize", this.#functions.finalize());
  }

  #check(call: string, code: number): void {
    if (code === 0) return;
    this.#text.fill(0);
    const isTold = this.#functions.errorText(code, this.#at.text, this.#at.numbers) === 0;
    throw new DistributedError(`${call}: ${isTold ? this.#readText() : `error ${code}`}`);
  }

  #readVersion(): string {
    this.#bind("MPI_Get_library_version", ["address", "address"])(this.#at.text, this.#at.numbers);
    const [name] = this.#readText().split(/[\n,]/, 1);
    return name.replaceAll(/\s+/g, " ").trim();
  }

  #readText(): string {
    const length = this.#text.indexOf(0);
    return new TextDecoder().decode(this.#text.subarray(0, length === -1 ? undefined : length));
  }

  #bind(name: string, types: readonly ForeignType[]): (...args: readonly number[]) => number {
    const bound = this.#library.bind(name, types);
    if (bound === undefined) throw new DistributedError(`the MPI library has no function ${name}`);
    return bound;
  }
}
