// Several samplers from the same noise, one after another.

import { signal } from "@preact/signals";
import { perform } from "./draw_client.ts";
import { joined } from "./joined.ts";
import type { DrawRequest, Pictures } from "./messages.ts";

/** What a sampler drew, or why it did not. */
export interface Row {
  readonly scheduler: string;
  readonly pictures: Pictures | null;
  readonly seconds: number | null;
  readonly problem: string | null;
}

/** The samplers that are compared; null before the first comparison. */
export const comparison = signal<readonly Row[] | null>(null);

/** @param request of each sampler, but for its name */
export async function compare(request: DrawRequest, schedulers: readonly string[]): Promise<void> {
  const rows: Row[] = schedulers.map((scheduler) => ({
    scheduler,
    pictures: null,
    seconds: null,
    problem: null,
  }));
  const change = (i: number, next: Partial<Row>): void => {
    rows[i] = { ...rows[i], ...next };
    comparison.value = [...rows];
  };
  comparison.value = [...rows];
  for (const [i, scheduler] of schedulers.entries()) {
    const seen = new Map<number, Pictures>();
    try {
      await perform({ ...request, scheduler }, (message) => {
        if (message.kind === "step") {
          seen.set(message.first, message.pictures);
          change(i, { pictures: joined([...seen.values()]) });
        }
        if (message.kind === "done") change(i, { seconds: message.seconds });
      });
    } catch (error) {
      if (error instanceof Error && error.name === "Cancelled") return;
      // Not every sampler suits every model: the others are drawn.
      change(i, { problem: error instanceof Error ? error.message : String(error) });
    }
  }
}
