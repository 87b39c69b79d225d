// Random graphs as machine code: what the reference computes, within rounding, and the bits of WebAssembly.
// `npm run fuzz:native` runs more of them.

import { afterAll, expect, test } from "vitest";
import { WasmBackend } from "../../src/engine/backends/cpu/wasm_backend.ts";
import { describeNative } from "../support/native.ts";
import { nativeBackend } from "../support/native_machine.ts";
import { faultOf } from "../support/random_graph/judge.ts";
import { graphText } from "../support/random_graph/text.ts";
import { randomGraph } from "../support/random_graph.ts";

const GRAPHS = Number(process.env.IMAGO_FUZZ_GRAPHS ?? 150);
const wasm = new WasmBackend({ threads: 1 });
afterAll(() => wasm.close());

test("a seed decides a graph", () => {
  const [one, again] = [randomGraph(3), randomGraph(3)];
  expect(graphText(again)).toBe(graphText(one));
  expect(again.inputs.map(({ data }) => data)).toEqual(one.inputs.map(({ data }) => data));
  expect(graphText(randomGraph(4))).not.toBe(graphText(one));
});

describeNative("random graphs as machine code", (instructions) => {
  test("agree", async () => {
    const machine = nativeBackend(instructions, { threads: 2 });
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
