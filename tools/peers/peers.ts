// Imago's WebGPU backend beside jax-js and TensorFlow.js: serves a page that measures all three in one browser, and
// prints what it sends back.
//
//   npm run bench:peers                               # prints an address to open in a browser; Ctrl-C ends it
//   npm run bench:peers -- --headless                 # in a Chromium without a window, on the machine's GPU
//   npm run bench:peers -- --dry                      # small sizes on a GPU that the processor plays
//   npm run bench:peers -- --headless --json FILE     # keeps the numbers

import { EventEmitter, on } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { openSite } from "../../test/support/site.ts";
import { header, row } from "../bench_runs.ts";
import { openHeadless } from "./browser.ts";
import { bundlePage } from "./bundle.ts";
import { type Results, resultsSchema } from "./results.ts";
import { headings, NO_GPU, texts } from "./table.ts";

const { values: given } = parseArgs({
  options: {
    dry: { type: "boolean", default: false },
    headless: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const isHeadless = given.dry || given.headless;

const answerSchema = v.union([resultsSchema, v.object({ error: v.string() })]);

function show(results: Results): void {
  const { browser, device, software, rows } = results;
  console.log(`${device}\n${browser}\n`);
  console.log(header(headings(results)));
  for (const one of rows) console.log(row(texts(one)));
  if (software) console.log(`\n${NO_GPU}`);
}

/** Shows and keeps what a page sent. */
async function take(body: string): Promise<void> {
  const answer = v.parse(answerSchema, JSON.parse(body));
  if ("error" in answer) {
    console.error(answer.error);
    process.exitCode = 1;
    return;
  }
  show(answer);
  if (given.json !== undefined) await writeFile(given.json, `${JSON.stringify(answer, undefined, 2)}\n`);
}

const page = new EventEmitter<{ answer: [string]; error: [Error] }>();
const answers = on(page, "answer");
const site = await openSite({ isolated: true, onPost: (body) => page.emit("answer", body) });
site.put("/index.html", await readFile(new URL("index.html", import.meta.url), "utf8"));
site.put("/page.js", await bundlePage());
let close: (() => Promise<void>) | undefined;
try {
  if (isHeadless) {
    const url = `${site.url}/${given.dry ? "?dry" : ""}`;
    close = await openHeadless(url, given.dry, (error) => page.emit("error", error));
  } else {
    console.log(`${site.url}/ measures when it is opened in a browser that has WebGPU.`);
  }
  for await (const [body] of answers) {
    await take(String(body));
    // A page that is opened by hand may be loaded again.
    if (isHeadless) break;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await close?.();
  await site.close();
}
