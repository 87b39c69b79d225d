// How fast each runtime trains on this machine: Node, other versions of it, Bun, Deno, and browsers, with threads and
// without. Runs the built package; all in turn, round after round.
//
//   npm run build && npm run bench:runtimes
//   npm run bench:runtimes -- --preset butterflies32 --batch-size 16 --run "Node 20=/usr/bin/node" --run "Deno=deno run -A"
//
// --run NAME=COMMAND, as often as wanted, is a runtime that takes a file to run. Chromium and Firefox are found where Linux
// distributions put them; --browsers none leaves them out.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import * as v from "valibot";
import {
  BROWSER_NAMES,
  type BrowserName,
  isInstalled,
  openInBrowser,
} from "../test/support/browser_process.ts";
import { openSite } from "../test/support/site.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const run = promisify(execFile);

const resultSchema = v.object({ imagesPerSecond: v.number(), fastest: v.number(), steps: v.number() });
type Result = v.InferOutput<typeof resultSchema>;

interface Work {
  readonly preset: string;
  readonly batchSize: number;
  readonly seconds: number;
}

/** A runtime with a number of threads. */
interface Variant {
  readonly name: string;
  measure(work: Work): Promise<Result>;
}

function command(name: string, words: readonly string[], threads: number): Variant {
  const [file = "", ...args] = words;
  return {
    name: `${name}, ${threads === 1 ? "1 thread" : `${threads} threads`}`,
    async measure(work) {
      const options = JSON.stringify({ ...work, threads });
      const { stdout } = await run(file, [...args, join(root, "tools/runtimes/command.js"), options], {
        cwd: root,
      });
      return v.parse(resultSchema, JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
    },
  };
}

/** A browser; its page sends its result back. */
function browser(name: BrowserName, isolated: boolean): Variant {
  return {
    name: `${name}, ${isolated ? `isolated page, ${cpus().length} threads` : "any page, 1 thread"}`,
    async measure(work) {
      let answer: (text: string) => void = () => {};
      const answered = new Promise<string>((resolve) => {
        answer = resolve;
      });
      const site = await openSite({ isolated, folder: root, onPost: answer });
      const page = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module">
        const send = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
        try {
          const imago = await import("/dist/browser/imago.js");
          const { measure } = await import("/tools/runtimes/measure.js");
          await send(await measure(imago, { ...${JSON.stringify(work)}, out: "/runs/" + crypto.randomUUID() }));
        } catch (error) {
          await send({ error: String(error) });
        }
      </script>`;
      site.put("/index.html", page);
      const close = openInBrowser(name, `${site.url}/`);
      try {
        const result: unknown = JSON.parse(await answered);
        return v.parse(resultSchema, result);
      } finally {
        close();
        await site.close();
      }
    },
  };
}

function variants(runs: readonly string[], browsers: boolean): Variant[] {
  const threads = cpus().length;
  const commands = runs.map((text) => {
    const [name = "", words = ""] = text.split("=", 2);
    return { name, words: words.split(" ").filter((word) => word !== "") };
  });
  const found = browsers ? BROWSER_NAMES.filter(isInstalled) : [];
  return [
    ...commands.flatMap(({ name, words }) => [command(name, words, threads), command(name, words, 1)]),
    ...found.flatMap((name) => [browser(name, true), browser(name, false)]),
  ];
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function main(): Promise<void> {
  const { values: given } = parseArgs({
    options: {
      preset: { type: "string", default: "quick32" },
      "batch-size": { type: "string", default: "32" },
      seconds: { type: "string", default: "8" },
      rounds: { type: "string", default: "2" },
      run: { type: "string", multiple: true, default: [`Node ${process.versions.node}=${process.execPath}`] },
      browsers: { type: "string", default: "all" },
    },
  });
  if (!existsSync(join(root, "dist/browser/imago.js")))
    throw new Error("dist/ is missing; run: npm run build");
  const work = {
    preset: given.preset,
    batchSize: Number(given["batch-size"]),
    seconds: Number(given.seconds),
  };
  const all = variants(given.run, given.browsers !== "none");
  const results = new Map<Variant, Result[]>(all.map((variant) => [variant, []]));
  for (let round = 1; round <= Number(given.rounds); round++) {
    for (const variant of all) {
      const result = await variant.measure(work).catch((error: unknown) => {
        console.error(`${variant.name}: ${String(error).split("\n")[0]}`);
        return undefined;
      });
      if (result === undefined) continue;
      results.get(variant)?.push(result);
      console.error(`round ${round}: ${variant.name}: ${result.imagesPerSecond.toFixed(1)} images/s`);
    }
  }
  console.log(
    `${work.preset}, training, batch ${work.batchSize}, ${cpus()[0]?.model ?? "unknown CPU"}, ${cpus().length} cores\n`,
  );
  console.log("| runtime | images/s (median) | of the fastest step |\n| --- | --- | --- |");
  for (const [{ name }, runs] of results) {
    if (runs.length === 0) continue;
    const rate = (of: (result: Result) => number) => median(runs.map(of)).toFixed(1);
    console.log(
      `| ${name} | ${rate((result) => result.imagesPerSecond)} | ${rate((result) => result.fastest)} |`,
    );
  }
}

await main();
