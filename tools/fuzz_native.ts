// Runs random graphs as machine code, against the float64 reference and bit by bit against WebAssembly.
//
//   npm run fuzz:native -- --count 1000 --seed 0 --instructions avx512
//   npm run fuzz:native -- --seed 4711 --count 1 --threads 2
//
// Graphs run in child processes, a portion in each, so that a crash is one more fault. A difference from the reference
// is a fault beyond what rounding explains (test/support/random_graph/rounding.ts). One graph in 25 has infinities and
// the like, which only its bits judge. The exit code is 1 where there was a fault.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { counted } from "../src/cli/wording.ts";
import { nativeSets } from "../test/support/native_machine.ts";
import { graphText } from "../test/support/random_graph/text.ts";
import { randomGraph } from "../test/support/random_graph.ts";
import { count } from "./bench_runs.ts";
import { portionLine } from "./fuzz/portion_line.ts";

const PORTION = 500;
/** Graphs take well below a second. */
const HANGS_AFTER_MS = 60_000;
const MOST_FAULTS = 20;
const SCRIPT = fileURLToPath(new URL("fuzz/portion.ts", import.meta.url));

interface Settings {
  readonly instructions: string;
  readonly threads: number;
}

interface Seen {
  readonly kinds: Map<string, number>;
  faults: number;
}

/** Runs seeds in one process. @returns the seed after the last one that began */
async function portion(first: number, size: number, settings: Settings, seen: Seen): Promise<number> {
  const child = spawn(process.execPath, [SCRIPT, String(first), String(size), String(settings.threads)], {
    env: { ...process.env, IMAGO_INSTRUCTIONS: settings.instructions },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<string | undefined>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  let hung = false;
  const hangs = setTimeout(() => {
    hung = true;
    child.kill("SIGKILL");
  }, HANGS_AFTER_MS);
  let begun = first - 1;
  for await (const text of createInterface({ input: child.stdout })) {
    hangs.refresh();
    const line = v.parse(portionLine, JSON.parse(text));
    if ("kinds" in line) {
      for (const [kind, times] of Object.entries(line.kinds))
        seen.kinds.set(kind, (seen.kinds.get(kind) ?? 0) + times);
    } else if (line.fault === undefined) begun = line.seed;
    else tell(line.seed, line.fault, seen);
  }
  const crash = await ended;
  clearTimeout(hangs);
  if (crash !== undefined && begun < first) throw new Error(`a portion does not begin: ${crash}`);
  if (crash !== undefined) tell(begun, hung ? "does not end" : `the process ended by ${crash}`, seen);
  return begun + 1;
}

function tell(seed: number, fault: string, seen: Seen): void {
  seen.faults++;
  console.log(`seed ${seed}: ${fault}\n${graphText(randomGraph(seed))}`);
}

function progress(done: number, all: number, begin: number): void {
  const rate = done / ((performance.now() - begin) / 1000);
  const minutes = (all - done) / rate / 60;
  const line = `${done} of ${counted(all, "graph")}, ${rate.toFixed(1)} graphs/s, ${minutes.toFixed(1)} minutes left`;
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
}

async function main(): Promise<void> {
  const { values: given } = parseArgs({
    options: {
      count: { type: "string", default: "1000" },
      seed: { type: "string", default: "0" },
      instructions: { type: "string", default: nativeSets[0] ?? "avx2" },
      threads: { type: "string", default: "1" },
    },
  });
  const instructions = nativeSets.find((set) => set === given.instructions);
  if (instructions === undefined)
    throw new Error(
      `--instructions is ${given.instructions}; this machine has ${nativeSets.join(", ") || "none"}`,
    );
  const first = Number(given.seed);
  if (!Number.isSafeInteger(first) || first < 0)
    throw new Error(`--seed is ${given.seed}, expected a whole number`);
  const settings = { instructions, threads: count("--threads", given.threads) };
  const end = first + count("--count", given.count);
  const seen: Seen = { kinds: new Map(), faults: 0 };
  const begin = performance.now();
  let next = first;
  while (next < end && seen.faults < MOST_FAULTS) {
    next = await portion(next, Math.min(PORTION, end - next), settings, seen);
    progress(next - first, end - first, begin);
  }
  if (process.stderr.isTTY) process.stderr.write("\n");
  for (const [kind, times] of [...seen.kinds].sort(([, a], [, b]) => b - a))
    console.log(`${String(times).padStart(10)}  ${kind}`);
  console.log(`${counted(next - first, "graph")} as ${instructions}: ${counted(seen.faults, "fault")}`);
  if (seen.faults > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`fuzz:native: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 2;
}
