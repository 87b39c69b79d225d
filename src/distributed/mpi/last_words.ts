// The end of this process by C functions, which work when JavaScript or MPI hangs.

import type { ForeignCalls } from "../../platform/platform.ts";

const STDERR = 2;
const KILL = 9;

export class LastWords {
  readonly #addressOf: (array: ArrayBufferView) => number;
  readonly #write;
  readonly #alarm;
  readonly #kill;
  readonly #getpid;

  constructor(foreign: ForeignCalls) {
    const c = foreign.load();
    this.#addressOf = foreign.addressOf;
    this.#write = c.bind("write", ["int", "address", "address"]);
    this.#alarm = c.bind("alarm", ["int"]);
    this.#kill = c.bind("kill", ["int", "int"]);
    this.#getpid = c.bind("getpid", []);
  }

  /** Writes a line to stderr at once, while other threads may be stuck. */
  say(line: string): void {
    const bytes = new TextEncoder().encode(`imago: ${line}\n`);
    this.#write?.(STDERR, this.#addressOf(bytes), bytes.byteLength);
  }

  /** The system will end this process after so many seconds, whatever its threads are doing then. 0: it will not. */
  endIn(seconds: number): void {
    this.#alarm?.(seconds);
  }

  /** Ends this process now. */
  end(): void {
    this.#kill?.(this.process(), KILL);
  }

  /** This process's id. */
  process(): number {
    return this.#getpid?.() ?? 0;
  }
}
