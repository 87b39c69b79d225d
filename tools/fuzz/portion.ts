// Judges the graphs of some seeds in a process of its own, which a fault in machine code may end. Prints JSON lines: each
// seed before it begins, each fault, and at the end how often each kind of op occurred.
//
//   IMAGO_INSTRUCTIONS=avx2 node tools/fuzz/portion.ts FIRST COUNT THREADS

import { findProcessor, NativeBackend } from "../../src/engine/backends/cpu/native_backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { nativeCode } from "../../src/platform/node/native_code.ts";
import { faultOf } from "../../test/support/random_graph/judge.ts";
import { kindsOf } from "../../test/support/random_graph/text.ts";
import { randomGraph } from "../../test/support/random_graph.ts";
import type { PortionLine } from "./portion_line.ts";

const say = (line: PortionLine) => process.stdout.write(`${JSON.stringify(line)}\n`);

const [first, count, threads] = process.argv.slice(2).map(Number);
const opened = nativeCode.open();
const processor = typeof opened === "string" ? opened : findProcessor(opened);
if (typeof processor === "string") throw new Error(`no machine code here: ${processor}`);
const judged = { native: new NativeBackend(processor, { threads }), wasm: new WasmBackend({ threads }) };
const kinds: Record<string, number> = {};
for (let seed = first; seed < first + count; seed++) {
  say({ seed });
  try {
    const graph = randomGraph(seed);
    const fault = await faultOf(graph, judged);
    if (fault !== undefined) say({ seed, fault });
    for (const kind of kindsOf(graph)) kinds[kind] = (kinds[kind] ?? 0) + 1;
    for (const name of graph.operations) kinds[`drawn: ${name}`] = (kinds[`drawn: ${name}`] ?? 0) + 1;
  } catch (error) {
    say({ seed, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
say({ kinds });
await Promise.all([judged.native.close(), judged.wasm.close()]);
