// What the use of a broken file comes to: one line that names it, quickly and with little memory.

import { expect } from "vitest";
import { PipelineError } from "../../src/pipelines/errors.ts";
import { FileError } from "../../src/platform/errors.ts";

/** Milliseconds of computing and bytes that one file may take. */
const MOST_MS = 2000;
const MOST_BYTES = 300 * 2 ** 20;

/** Expects that a use of a broken file fails with one line that names it, in bounds. */
export type ExpectRefusal = (use: () => Promise<unknown>, named: string) => Promise<void>;

/** Memory counts from now on. */
export function refusalsFromNow(): ExpectRefusal {
  const before = process.memoryUsage.rss();
  return async (use, named) => {
    const started = process.cpuUsage();
    const error = await use().then(
      () => new Error("it was accepted"),
      (reason: unknown) => reason,
    );
    const { user, system } = process.cpuUsage(started);
    const message = error instanceof Error ? error.message : String(error);
    expect(error instanceof PipelineError || error instanceof FileError, `${error}`).toBe(true);
    expect(message).not.toMatch(/\p{Cc}/u);
    expect(message.length).toBeLessThan(1000);
    expect(message).toContain(named);
    expect((user + system) / 1000).toBeLessThan(MOST_MS);
    expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_BYTES);
  };
}
