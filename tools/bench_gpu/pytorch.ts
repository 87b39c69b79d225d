// Measures PyTorch on the same GPU: a process in Python that prints a line of JSON for each part, and is ended in time.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Line } from "../bench_runs.ts";
import { endOf, NO_TIME, NOT_FINISHED } from "./parts.ts";
import type { TorchPlan } from "./plan.ts";

const LIBRARY = "pytorch";
/** Why it is skipped, where it does not say so itself. */
const skipped = (why: string): Line => ({ part: LIBRARY, library: LIBRARY, skipped: why });
/** Characters of the errors that are kept. */
const MOST_ERRORS = 4000;
/** What a process that was ended has printed is read for so long, milliseconds. */
const LAST_WORDS = 1000;

/** A line that the process means; undefined for what libraries print beside it. */
export function lineOf(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    const line: Line = { ...value };
    return line.library === LIBRARY ? line : undefined;
  } catch {
    return undefined;
  }
}

/** PyTorch, in a process that is there, idle, until it is given a plan. */
export class TorchProcess {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #stop = (): void => this.#kill();
  /** Gets each line as it is printed. */
  #take: (line: Line) => void = () => undefined;
  /** Why the process is no more, once it is. */
  readonly #gone: Promise<string>;

  /**
   * Begins a process and waits for its first line, which is told.
   * @returns undefined, and the reason is told, where PyTorch cannot be measured
   */
  static async start(
    command: string,
    args: readonly string[],
    patience: AbortSignal,
    tell: (line: Line) => void,
  ): Promise<TorchProcess | undefined> {
    const torch = new TorchProcess(command, args);
    const first = new Promise<Line>((resolve) => {
      torch.#take = resolve;
    });
    const line = await Promise.race([
      first,
      torch.#gone.then((why) => skipped(`${command}: ${why}`)),
      endOf(patience).then(() => skipped(`${command} was not ready in time`)),
    ]);
    tell(line);
    if (line.skipped === undefined) return torch;
    torch.#kill();
    return undefined;
  }

  private constructor(command: string, args: readonly string[]) {
    // A group of its own: compilers that it starts end with it.
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], detached: hasGroups });
    process.once("exit", this.#stop);
    let errors = "";
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-MOST_ERRORS);
    });
    // A process that is gone reads nothing; that it is gone is told elsewhere.
    this.#child.stdin.on("error", () => undefined);
    createInterface({ input: this.#child.stdout }).on("line", (text) => {
      const line = lineOf(text);
      if (line !== undefined) this.#take(line);
    });
    this.#gone = new Promise((resolve) => {
      this.#child.once("error", ({ message }) => resolve(message));
      this.#child.once("close", (code, signal) => {
        const last = errors.trim().split("\n").at(-1);
        resolve(last || `ended with ${signal ?? `exit code ${code}`}`);
      });
    });
  }

  /** Has the cases of a plan measured, and tells a line of each. Then, or at the end of the time, ends the process. */
  async measure(plan: TorchPlan, end: AbortSignal, tell: (line: Line) => void): Promise<void> {
    const left = [...plan.cases];
    if (end.aborted) {
      this.#kill();
      for (const { name } of left) tell({ ...name, skipped: NO_TIME });
      return;
    }
    const done = new Promise<undefined>((resolve) => {
      this.#take = (line) => {
        left.shift();
        tell(line);
        if (left.length === 0) resolve(undefined);
      };
    });
    this.#child.stdin.end(`${JSON.stringify(plan)}\n`);
    const gone = this.#gone.then((why): Line => ({ error: why }));
    const why = await Promise.race([done, gone, endOf(end).then((): Line => ({ skipped: NOT_FINISHED }))]);
    this.#kill();
    // What it had printed counts, but a pipe that something else keeps open is not waited for.
    await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, LAST_WORDS))]);
    this.#take = () => undefined;
    const rest = { skipped: why?.error === undefined ? NO_TIME : "PyTorch has ended" };
    for (const [i, { name }] of left.entries()) tell({ ...name, ...(i === 0 ? why : rest) });
  }

  #kill(): void {
    process.off("exit", this.#stop);
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(hasGroups ? -pid : pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

/** Windows has no groups of processes. */
const hasGroups = process.platform !== "win32";
