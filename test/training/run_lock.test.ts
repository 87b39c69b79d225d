import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LOCK, RunLock } from "../../src/training/run_lock.ts";

let run: string;
let file: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "imago-lock-"));
  file = join(run, LOCK);
});
afterEach(() => rm(run, { recursive: true, force: true }));

const HELD = /another process is training this run \(process \d+ on .+\); wait until it ends, or stop it/;
/** A lock as another process wrote it. */
const forge = (changes: object) => {
  const mine = { pid: process.pid, host: "", begun: null, token: "0123456789ab" };
  writeFileSync(file, JSON.stringify({ ...mine, ...changes }));
};
const host = async () => {
  const lock = new RunLock(run);
  await lock.acquire();
  const holder = JSON.parse(readFileSync(file, "utf8"));
  await lock.release();
  return holder.host;
};
const acquires = async () => {
  const lock = new RunLock(run);
  await lock.acquire();
  await lock.release();
  expect(existsSync(file)).toBe(false);
};

test("one at a time, in one process too", async () => {
  const first = new RunLock(run);
  await first.acquire();
  const second = new RunLock(run);
  await expect(second.acquire(0)).rejects.toThrow(HELD);
  await second.release();
  await expect(new RunLock(run).acquire(0)).rejects.toThrow(HELD);
  await first.release();
  expect(existsSync(file)).toBe(false);
  await acquires();
});

test("one that is about to end is waited for", async () => {
  const [first, second] = [new RunLock(run), new RunLock(run)];
  await first.acquire();
  setTimeout(() => first.release(), 150);
  await second.acquire();
  await second.release();
});

test("of many at once, one gets it, also when they find the lock of a dead process", async () => {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  forge({ pid, host: await host() });
  const locks = Array.from({ length: 8 }, () => new RunLock(run));
  const results = await Promise.allSettled(locks.map((lock) => lock.acquire(0)));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const lock of locks) await lock.release();
});

test("a process that lives holds its lock; a dead one, or another with its number, does not", async () => {
  const here = await host();
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  try {
    forge({ pid: child.pid, host: here });
    await expect(new RunLock(run).acquire(0)).rejects.toThrow(HELD);
    if (process.platform === "linux") {
      forge({ pid: child.pid, host: here, begun: "of another boot" });
      await acquires();
    }
  } finally {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
  forge({ pid: child.pid, host: here });
  await acquires();
});

test("another machine's lock, or a damaged one, counts while it is fresh", async () => {
  const old = new Date(Date.now() - 600_000);
  forge({ host: "elsewhere" });
  await expect(new RunLock(run).acquire(0)).rejects.toThrow(/on elsewhere/);
  utimesSync(file, old, old);
  await acquires();
  writeFileSync(file, "");
  await expect(new RunLock(run).acquire(0)).rejects.toThrow(/another process is training this run; wait/);
  utimesSync(file, old, old);
  await acquires();
});
