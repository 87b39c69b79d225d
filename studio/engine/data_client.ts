// The worker that reads the user's images, and changes pictures as training does.

import * as v from "valibot";
import type { AugmentRequest, DataCall } from "./data_messages.ts";
import type { Pictures } from "./messages.ts";
import { WorkerCalls } from "./worker_calls.ts";

export const dataCalls = new WorkerCalls<DataCall>(
  () => new Worker(new URL("./data_worker.ts", import.meta.url), { type: "module" }),
);

export const picturesSchema = v.object({
  ...{ width: v.number(), height: v.number(), count: v.number() },
  rgba: v.custom<Uint8ClampedArray<ArrayBuffer>>((value) => value instanceof Uint8ClampedArray),
});

/** @returns for each image, what it becomes in each epoch */
export const augmented = (request: AugmentRequest): Promise<Pictures> =>
  dataCalls.ask(picturesSchema, { name: "augment", request });
