// Asks a worker, and waits for its replies.

import * as v from "valibot";
import { Refused } from "../places/place.ts";

export interface WorkerMessage<Call> {
  readonly id: number;
  readonly call: Call;
}

export interface WorkerReply {
  readonly id: number;
  readonly value?: unknown;
  readonly refused?: string;
}

/** A worker that is started with the first call. */
export class WorkerCalls<Call> {
  readonly #start: () => Worker;
  /** What waits for the worker's replies. */
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #worker: Worker | undefined;
  #asked = 0;

  constructor(start: () => Worker) {
    this.#start = start;
  }

  get isStarted(): boolean {
    return this.#worker !== undefined;
  }

  /** @throws Refused in the worker's words */
  async ask<Schema extends v.GenericSchema>(schema: Schema, call: Call): Promise<v.InferOutput<Schema>> {
    this.#worker ??= this.#listen(this.#start());
    const id = this.#asked++;
    const reply = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#worker.postMessage({ id, call } satisfies WorkerMessage<Call>);
    return v.parse(schema, await reply);
  }

  #listen(worker: Worker): Worker {
    worker.addEventListener("message", ({ data: { id, value, refused } }: MessageEvent<WorkerReply>) => {
      const call = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (refused === undefined) call?.resolve(value);
      else call?.reject(new Refused(refused));
    });
    worker.addEventListener("error", ({ message }) => {
      for (const { reject } of this.#waiting.values()) reject(new Refused(message));
      this.#waiting.clear();
    });
    return worker;
  }
}
