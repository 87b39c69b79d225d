// Runs the command in this process, discards its output, and checks how it ended.

import { expect, vi } from "vitest";
import { describeError } from "../../src/cli/errors.ts";
import { runCommand } from "../../src/cli/program.ts";

/** Longer than any of the commands here takes on a busy machine: one that takes so long does not end. */
const ENDLESS_MS = 60_000;

/** Its exit code and, unless that is 0, the line that says why. */
export async function ended(args: readonly string[]): Promise<{ code: number; line: string }> {
  const silent = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation(() => true),
  );
  let timer: NodeJS.Timeout | undefined;
  try {
    const endless = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("it does not end")), ENDLESS_MS);
    });
    await Promise.race([runCommand(args), endless]);
    return { code: 0, line: "" };
  } catch (error) {
    return describeError(error);
  } finally {
    clearTimeout(timer);
    for (const spy of silent) spy.mockRestore();
  }
}

/** Runs the command: it ends well, or with one line in words of its own. */
export async function judge(args: readonly string[]): Promise<void> {
  const { code, line } = await ended(args);
  expect(line).not.toContain("internal error");
  expect([0, 1, 2]).toContain(code);
  if (code === 0) return;
  expect(line).not.toBe("");
  expect(line).not.toContain("\n");
  // What the user said is told again, at times more than once.
  expect(line.length).toBeLessThan(5000 + 3 * args.join("").length);
}
