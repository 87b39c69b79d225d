import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { replaceDirAtomic } from "../../src/platform/node/atomic.ts";
import type { LockTiming } from "../../src/platform/platform.ts";
import { RunFolderError } from "../../src/training/errors.ts";
import { LOCK, RunLock } from "../../src/training/run/run_lock.ts";

let run: string;
let file: string;
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), "imago-lock-"));
  file = join(run, LOCK);
});
afterEach(() => rm(run, { recursive: true, force: true }));

const HELD = /another process is training this run \(process \d+ on .+\); wait until it ends, or stop it/;
const AT_ONCE = { patience: 0 };
/** What this process writes into its lock. */
const mine = async () => {
  const lock = new RunLock(run);
  await lock.acquire();
  const holder = JSON.parse(readFileSync(file, "utf8"));
  await lock.release();
  return holder;
};
/** A lock as another process wrote it. */
const forge = (holder: object) => writeFileSync(file, JSON.stringify({ ...holder, token: "0123456789ab" }));
const acquires = async (timing?: Partial<LockTiming>) => {
  const lock = new RunLock(run, timing);
  await lock.acquire();
  lock.check();
  await lock.release();
  expect(existsSync(file)).toBe(false);
};

test("one at a time, in one process too", async () => {
  const first = new RunLock(run);
  await first.acquire();
  const second = new RunLock(run, AT_ONCE);
  await expect(second.acquire()).rejects.toThrow(HELD);
  await second.release();
  await expect(new RunLock(run, AT_ONCE).acquire()).rejects.toThrow(HELD);
  first.check();
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
  forge({ ...(await mine()), pid, begun: null });
  const locks = Array.from({ length: 8 }, () => new RunLock(run, AT_ONCE));
  const results = await Promise.allSettled(locks.map((lock) => lock.acquire()));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  for (const lock of locks) await lock.release();
});

test("a process that lives holds its lock, touched or not; a dead one, or another with its number, does not", async () => {
  const here = { ...(await mine()), begun: null };
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  try {
    forge({ ...here, pid: child.pid });
    utimesSync(file, 0, 0);
    await expect(new RunLock(run, AT_ONCE).acquire()).rejects.toThrow(HELD);
    if (process.platform === "linux") {
      forge({ ...here, pid: child.pid, begun: "of another boot" });
      await acquires();
    }
  } finally {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
  forge({ ...here, pid: child.pid });
  await acquires();
});

// The number of a process says nothing where it was given by another container or machine: here that of a live process,
// of a dead one, and where the system does not tell what the number belongs to.
test.each([
  ["alive", "elsewhere", () => process.pid],
  ["dead", "elsewhere", () => spawnSync(process.execPath, ["-e", ""]).pid],
  ["alive", null, () => process.pid],
])(
  "a lock of a number that is %s here, of the space %s, is held as long as it is touched",
  async (_, space, pid) => {
    forge({ ...(await mine()), space, pid: pid() });
    const touching = setInterval(() => utimesSync(file, new Date(), new Date()), 20);
    let watched = 0;
    try {
      const lock = new RunLock(run, { patience: 100, touch: 20, fresh: 60_000 });
      await expect(lock.acquire(() => watched++)).rejects.toThrow(HELD);
    } finally {
      clearInterval(touching);
    }
    expect(watched).toBe(1);
    expect(existsSync(file)).toBe(true);
    // Nothing moves it any more, whatever its clock says.
    utimesSync(file, new Date(Date.now() + 1e8), new Date(Date.now() + 1e8));
    await acquires({ touch: 10, fresh: 200 });
  },
);

test("a lock that is being made is waited for; one that never is written stands in nobody's way", async () => {
  const text = JSON.stringify(await mine());
  writeFileSync(file, "");
  setTimeout(() => writeFileSync(file, text), 100);
  await expect(new RunLock(run, AT_ONCE).acquire()).rejects.toThrow(HELD);
  writeFileSync(file, "{");
  utimesSync(file, 0, 0);
  await acquires();
});

test.each([
  ["removed", () => rmSync(run, { recursive: true }), /was removed or moved while/],
  ["moved", () => renameSync(run, `${run}-moved`), /was removed or moved while/],
  ["emptied", () => rmSync(file), /was removed or replaced, or its .lock was, while/],
  [
    "copied to its old place",
    () => {
      renameSync(run, `${run}-moved`);
      cpSync(`${run}-moved`, run, { recursive: true });
    },
    /was taken over by another training while/,
  ],
])("who holds a folder that was %s may not write, and leaves it alone", async (_, change, message) => {
  const lock = new RunLock(run, { touch: 10 });
  await lock.acquire();
  lock.check();
  change();
  try {
    expect(lock.check).toThrow(message);
    expect(lock.check).toThrow(RunFolderError);
    const work = vi.fn(async () => {});
    await expect(lock.writing(work)).rejects.toThrow(message);
    expect(work).not.toHaveBeenCalled();
    const there = existsSync(run) ? readdirSync(run) : undefined;
    await lock.release();
    expect(existsSync(run) ? readdirSync(run) : undefined).toEqual(there);
  } finally {
    await rm(`${run}-moved`, { recursive: true, force: true });
  }
});

test("another's lock in the place of mine is neither touched nor removed", async () => {
  const first = new RunLock(run, { touch: 10 });
  await first.acquire();
  renameSync(run, `${run}-moved`);
  try {
    const second = new RunLock(run);
    await second.acquire();
    for (const lock of [file, `${run}-moved/${LOCK}`]) utimesSync(lock, 1000, 1000);
    await expect(first.writing(async () => {})).rejects.toThrow(/taken over by another training/);
    await vi.waitUntil(() => statSync(`${run}-moved/${LOCK}`).mtimeMs > 1000_000, { timeout: 20_000 });
    await first.release();
    expect(statSync(file).mtimeMs).toBe(1000_000);
    second.check();
    await second.release();
    expect(readdirSync(run)).toEqual([]);
  } finally {
    await rm(`${run}-moved`, { recursive: true, force: true });
  }
});

test("what fails in the middle because the folder is gone is told as that", async () => {
  const lock = new RunLock(run);
  await lock.acquire();
  const writing = lock.writing(async (check) => {
    rmSync(run, { recursive: true });
    await replaceDirAtomic(join(run, "checkpoints/a"), async () => {}, check);
  });
  await expect(writing).rejects.toThrow(/was removed or moved while/);
  expect(existsSync(run)).toBe(false);
  await lock.release();
});
