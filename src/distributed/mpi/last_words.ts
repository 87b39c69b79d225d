// The end of this process by C functions, which work when JavaScript or MPI hangs.

import type { ForeignCalls } from "../../platform/native.ts";

const STDERR = 2;
const KILL = 9;
/** Milliseconds in which a launcher passes on a line, also on a busy machine. */
const PASSING_ON = 300;

export class LastWords {
  readonly #addressOf: (array: ArrayBufferView) => number;
  readonly #write;
  readonly #alarm;
  readonly #kill;
  readonly #getpid;
  readonly #guard: number | undefined;

  /** @param guard the helper that would say that this process has died: see `Processes.guard` */
  constructor(foreign: ForeignCalls, guard: number | undefined) {
    this.#guard = guard;
    const c = foreign.load();
    this.#addressOf = foreign.addressOf;
    this.#write = c.bind("write", ["int", "address", "address"]);
    this.#alarm = c.bind("alarm", ["int"]);
    this.#kill = c.bind("kill", ["int", "int"]);
    this.#getpid = c.bind("getpid", []);
  }

  /**
   * Writes the line of a rank that ends next, at once, while other threads may be stuck. Then it waits a little: launchers,
   * MPICH's for one, end a job without passing on what its ranks have just written.
   */
  say(line: string): void {
    this.dismissGuard();
    const bytes = new TextEncoder().encode(`imago: ${line}\n`);
    this.#write?.(STDERR, this.#addressOf(bytes), bytes.byteLength);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PASSING_ON);
  }

  /** The system will end this process after so many seconds, whatever its threads are doing then. 0: it will not. */
  endIn(seconds: number): void {
    this.#alarm?.(seconds);
  }

  /** Ends this process now. */
  end(): void {
    if (this.#getpid !== undefined) this.#kill?.(this.#getpid(), KILL);
  }

  /** This process may end now without a word. */
  dismissGuard(): void {
    if (this.#guard !== undefined) this.#kill?.(this.#guard, KILL);
  }
}
