// What a page may name where others get in: nothing of this machine's disk but the runs.

import { isHubName } from "../../io/hub/index.ts";
import { SYNTHETIC } from "../sources.ts";
import { HttpError } from "./http_error.ts";
import type { TrainForm } from "./train_form.ts";

/** @throws HttpError for a path */
export function checkOpenSource(source: string): void {
  if (source === SYNTHETIC || isHubName(source)) return;
  throw new HttpError(
    403,
    "this studio is open to other machines: choose the drawn butterflies, hf:OWNER/NAME or the data of a run",
  );
}

/** @throws HttpError for a training that would read what may not be named */
export function checkOpenTraining({ options: { data, init } }: TrainForm): void {
  if (data !== undefined) checkOpenSource(String(data));
  if (init === undefined || isHubName(String(init))) return;
  throw new HttpError(403, "this studio is open to other machines: --init takes hf:OWNER/NAME here");
}
