// What a platform has below JavaScript: memory, machine code, and C functions of shared libraries.

/** Memory and machine code outside of JavaScript. Addresses are exact in a double. */
export interface NativeMachine {
  /** The instructions that its processor understands. */
  readonly architecture: "x64" | "arm64";
  /** What a thread needs to call code: see `ThreadScope.callNative`. */
  readonly library: string;
  readonly system: NativeSystem;
  /** Addresses for so many bytes, to be committed before use. @throws Error when the system refuses them */
  reserve(bytes: number): number;
  /**
   * Makes bytes of what was reserved usable, all zero. Pages that nothing touches need no memory.
   * @throws Error when the system refuses them
   */
  commit(address: number, bytes: number): void;
  /**
   * Lets the system have what lies in whole pages until they are next touched: then they are zero or as they were. Both
   * numbers are multiples of 64 KiB.
   */
  giveBack(address: number, bytes: number): void;
  release(address: number, bytes: number): void;
  /** The bytes at an address, at most 1 GiB; not to be used after the memory was released. */
  view(address: number, bytes: number): ArrayBuffer;
  /** Copies code to memory that can then be executed and no longer written. @throws Error where that is forbidden */
  mapCode(code: Uint8Array): number;
  unmapCode(address: number, bytes: number): void;
  /** Calls a function of at most six integers, by the C convention, and returns its integer. */
  call(address: number, args: readonly number[]): number;
}

/** What machine code asks of the system to wait and to read the time: functions by their address, or system calls. */
export type NativeSystem = { readonly kind: "linux" } | MacFunctions | WindowsFunctions;
export interface MacFunctions {
  readonly kind: "macos";
  readonly ulockWait: number;
  readonly ulockWake: number;
  readonly clockNanoseconds: number;
}
export interface WindowsFunctions {
  readonly kind: "windows";
  readonly waitOnAddress: number;
  readonly wakeByAddressSingle: number;
  readonly wakeByAddressAll: number;
  readonly queryPerformanceCounter: number;
  readonly countsPerSecond: number;
}

export interface NativeCode {
  /** The way to run machine code; or in one line why there is none. */
  open(): NativeMachine | string;
}

/** How C passes an argument: a 32-bit number, or one as wide as an address. */
export type ForeignType = "int" | "address";

/** A shared library. */
export interface ForeignLibrary {
  /** The address of something in it; undefined if it has nothing of that name. */
  symbol(name: string): number | undefined;
  /** A function that returns an int; undefined if it has none of that name. */
  bind(name: string, types: readonly ForeignType[]): ((...args: readonly number[]) => number) | undefined;
}

/** C functions of shared libraries, and where arrays lie for them. Addresses are exact in a double. */
export interface ForeignCalls {
  /** What a thread needs to make such calls: see `ThreadScope.foreign`. */
  readonly library: string;
  /**
   * Opens a library by its path, or by a name that the system looks for; without a name, what the process has loaded.
   * @throws Error that says why not
   */
  load(name?: string): ForeignLibrary;
  /** Where the bytes of an array lie, as long as it can be reached. Of an empty array: 0. */
  addressOf(array: ArrayBufferView): number;
}
export interface Foreign {
  /** The way to call such functions; or in one line why there is none. */
  open(): ForeignCalls | string;
}
