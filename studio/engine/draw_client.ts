// The drawing worker: one drawing at a time, a new one ends the one before.

import type { DrawRequest, FromWorker, ToWorker } from "./messages.ts";

/** A drawing was ended for another one, or by the user. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

interface Running {
  readonly tell: (message: FromWorker) => void;
  readonly end: (error?: Error) => void;
}

let worker: Worker | undefined;
let running: Running | undefined;

/**
 * Draws; what the worker says of it is told as it comes.
 * @throws Cancelled, or an Error with what cannot be drawn
 */
export async function perform(request: DrawRequest, tell: (message: FromWorker) => void): Promise<void> {
  running?.end(new Cancelled());
  worker ??= start();
  send({ kind: "draw", request });
  await new Promise<void>((resolve, reject) => {
    running = { tell, end: (error) => (error === undefined ? resolve() : reject(error)) };
  });
}

export function cancel(): void {
  send({ kind: "cancel" });
  running?.end(new Cancelled());
  running = undefined;
}

const send = (message: ToWorker): void => worker?.postMessage(message);

function start(): Worker {
  const made = new Worker(new URL("./draw/worker.ts", import.meta.url), { type: "module" });
  made.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
    const own = running;
    own?.tell(data);
    if (data.kind !== "done" && data.kind !== "problem") return;
    running = undefined;
    own?.end(data.kind === "problem" ? new Error(data.message) : undefined);
  });
  made.addEventListener("error", ({ message }) => running?.end(new Error(message)));
  return made;
}
