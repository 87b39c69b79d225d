// The lock between processes that cannot see each other, as in two containers of one machine with one host name.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RunLock } from "../../src/training/run/run_lock.ts";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
/** How a process space is made here: as root, or as root of a user namespace. */
const UNSHARE = [[], ["--map-root-user"]]
  .map((more) => [...more, "--pid", "--fork", "--kill-child"])
  .find((flags) => spawnSync("unshare", [...flags, "--mount-proc", "true"]).status === 0);

const folder = mkdtempSync(join(tmpdir(), "imago-lock-spaces-"));
const script = join(folder, "hold.ts");
beforeAll(() => {
  writeFileSync(
    script,
    `import { RunLock } from ${JSON.stringify(path("../../src/training/run/run_lock.ts"))};
    const lock = new RunLock(process.argv[2], { touch: 50 });
    await lock.acquire();
    console.log("held by", process.pid);
    setInterval(() => lock.check(), 50);`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Resolves when the process in a space of its own holds the lock of the run. */
function hold(run: string, flags: readonly string[]): Promise<ChildProcess> {
  const node = path("../../node_modules/node/bin/node");
  const child = spawn("unshare", [...flags, node, script, run], { stdio: ["ignore", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.stdout?.once("data", () => resolve(child));
    child.on("exit", () => reject(new Error("ended before it held the lock")));
  });
}

test.runIf(UNSHARE).each([
  ["", ["--mount-proc"]],
  [" that is shown the numbers of this one", []],
])("a process in another process namespace%s holds its lock until it ends", async (_, more) => {
  const run = join(folder, `run-${more.length}`);
  const child = await hold(run, [...(UNSHARE ?? []), ...more]);
  try {
    // A heartbeat is seen long before the lock would stand no more.
    const lock = new RunLock(run, { patience: 0, touch: 50, fresh: 60_000 });
    await expect(lock.acquire()).rejects.toThrow(/another process is training this run \(process \d+ on /);
    expect(child.exitCode).toBeNull();
  } finally {
    const ended = new Promise((resolve) => child.on("close", resolve));
    child.kill("SIGKILL");
    await ended;
  }
  const next = new RunLock(run, { touch: 50, fresh: 300 });
  await next.acquire();
  next.check();
  await next.release();
});
