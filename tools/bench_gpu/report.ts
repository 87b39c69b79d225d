// The lines of bench:gpu: printed at once and, if wanted, kept in a file.

import { files } from "#platform";
import type { Line } from "../bench_runs.ts";

export class Report {
  readonly #file: string | undefined;
  readonly #lines: string[] = [];
  #kept: Promise<void>;

  /** @param file gets all lines so far whenever there is one more; written aside and renamed */
  constructor(file: string | undefined) {
    this.#file = file;
    // A file that cannot be written is known before anything is measured.
    this.#kept = this.#keep();
  }

  tell(line: Line): void {
    const text = JSON.stringify(line);
    console.log(text);
    this.#lines.push(text);
    this.#kept = this.#kept.then(() => this.#keep());
    // Whoever waits for `kept` gets the error.
    this.#kept.catch(() => undefined);
  }

  /** Resolves when the file has all lines. @throws FileError when it cannot be written */
  kept(): Promise<void> {
    return this.#kept;
  }

  async #keep(): Promise<void> {
    if (this.#file === undefined) return;
    await files.writeFileAtomic(this.#file, this.#lines.map((line) => `${line}\n`).join(""));
  }
}
