// What each system does in its own way for memory outside of JavaScript. Memory for code is writable first, then
// executable, never both.

import type { NativeSystem } from "../native.ts";

export interface SystemMemory {
  readonly system: NativeSystem;
  /** Addresses for so many bytes. @throws Error when the system refuses them */
  reserve(bytes: number): number;
  /** Makes bytes of it usable, all zero. @throws Error when the system refuses them */
  commit(address: number, bytes: number): void;
  /** See `NativeMachine.giveBack`. */
  giveBack(address: number, bytes: number): void;
  /** Gives back all that was reserved. */
  release(address: number, bytes: number): void;
  /** From now on the bytes can be executed and no longer written. @throws Error where that is forbidden */
  makeExecutable(address: number, bytes: number): void;
}

export const refused = (bytes: number): Error => new Error(`the system does not give ${bytes} bytes`);
export const forbidden = (): Error => new Error("the system does not allow memory that can be executed");
