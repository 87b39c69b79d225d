// Times one operation in all libraries: in turn, round after round, so that a device that grows slower does so for all.

import type { Cell, Row } from "../results.ts";
import { agreements } from "./agreement.ts";
import type { Library, Prepared, Values } from "./library.ts";
import { operandsOf } from "./operands.ts";
import { callsOf, flopsOf, nameOf, type Operation, type Plan } from "./plan.ts";

/** One library at one operation. */
class Contestant {
  readonly seconds: number[] = [];
  results: Values[] | undefined;
  reason: string | undefined;
  #prepared: Prepared | undefined;

  /** Does a part of the work. A library that fails is left out from then on. */
  async #part(work: (prepared: Prepared) => Promise<void>): Promise<void> {
    if (this.reason !== undefined || this.#prepared === undefined) return;
    try {
      await work(this.#prepared);
    } catch (error) {
      this.reason = firstLine(error);
    }
  }

  async prepare(library: Library, operation: Operation, operands: Values[], calls: number): Promise<void> {
    try {
      this.#prepared = await library.prepare(operation, operands, calls);
    } catch (error) {
      this.reason = firstLine(error);
    }
  }

  /** Compiles what was not compiled before, and warms up the device. */
  async warmUp(calls: number): Promise<void> {
    await this.#part(async (prepared) => {
      await secondsOf(prepared, calls);
    });
  }

  async time(calls: number): Promise<void> {
    await this.#part(async (prepared) => {
      this.seconds.push((await secondsOf(prepared, calls)) / calls);
    });
  }

  async read(): Promise<void> {
    await this.#part(async (prepared) => {
      prepared.renew();
      this.results = await prepared.results();
    });
  }

  async dispose(): Promise<void> {
    await this.#prepared?.dispose();
  }
}

/** From the first call until all results are there. */
async function secondsOf(prepared: Prepared, calls: number): Promise<number> {
  prepared.renew();
  await finished(prepared);
  const begin = performance.now();
  for (let i = 0; i < calls; i++) prepared.call(i);
  await finished(prepared);
  return (performance.now() - begin) / 1000;
}

/** The same for every library. */
function finished(prepared: Prepared): Promise<undefined> {
  prepared.submit();
  return prepared.queue.onSubmittedWorkDone();
}

export async function measure(libraries: readonly Library[], operation: Operation, plan: Plan): Promise<Row> {
  const calls = callsOf(operation, plan);
  const operands = operandsOf(operation);
  const contestants = libraries.map(() => new Contestant());
  let rounds = 0;
  try {
    for (const [i, one] of contestants.entries()) await one.prepare(libraries[i], operation, operands, calls);
    for (const one of contestants) await one.warmUp(calls);
    const end = performance.now() + 1000 * plan.seconds;
    while (rounds < plan.rounds && (rounds < plan.leastRounds || performance.now() < end)) {
      for (const one of contestants) await one.time(calls);
      rounds++;
    }
    for (const one of contestants) await one.read();
  } finally {
    for (const one of contestants) await one.dispose();
  }
  const { largest, each } = agreements(contestants.map(({ results }) => results));
  return {
    operation: nameOf(operation),
    calls,
    rounds,
    difference: largest,
    cells: contestants.map(({ reason, seconds }, i): Cell => {
      if (reason !== undefined) return { reason };
      const time = median(seconds);
      return { seconds: time, gflops: flopsOf(operation) / time / 1e9, ...each[i] };
    }),
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).trim().split("\n", 1)[0];
