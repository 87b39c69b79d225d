// Random graphs as machine code: what the reference computes, within rounding, and the bits of WebAssembly.
// `npm run fuzz:native` runs more of them.

import { afterAll, describe, expect, test } from "vitest";
import { NativeBackend } from "../../src/engine/backends/cpu/native_backend.ts";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { native, nativeSets, noNative } from "../support/native.ts";
import { faultOf } from "../support/random_graph/judge.ts";
import { graphText } from "../support/random_graph/text.ts";
import { randomGraph } from "../support/random_graph.ts";

const GRAPHS = 150;
const wasm = new WasmBackend({ threads: 1 });
afterAll(() => wasm.close());

test("a seed decides a graph", () => {
  const [one, again] = [randomGraph(3), randomGraph(3)];
  expect(graphText(again)).toBe(graphText(one));
  expect(again.inputs.map(({ data }) => data)).toEqual(one.inputs.map(({ data }) => data));
  expect(graphText(randomGraph(4))).not.toBe(graphText(one));
});

const title = native === undefined ? `random graphs, not run: ${noNative}` : "random graphs";
describe.skipIf(native === undefined)(title, () => {
  test.each(nativeSets)("as %s", async (instructions) => {
    if (native === undefined) return;
    const machine = new NativeBackend({ machine: native, instructions }, { threads: 2 });
    try {
      for (let seed = 0; seed < GRAPHS; seed++) {
        const graph = randomGraph(seed);
        expect(await faultOf(graph, { native: machine, wasm }), graphText(graph)).toBeUndefined();
      }
    } finally {
      await machine.close();
    }
  });
});
