// How bench:gpu runs PyTorch: its lines are read, what is missing is named, and it ends in time. Node plays Python here.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { Parts } from "../../tools/bench_gpu/parts.ts";
import { type TorchCase, type TorchPlan, torchPlan, WHOLE } from "../../tools/bench_gpu/plan.ts";
import { lineOf, TorchProcess } from "../../tools/bench_gpu/pytorch.ts";
import { Report } from "../../tools/bench_gpu/report.ts";
import type { Line } from "../../tools/bench_runs.ts";
import { testFolder } from "../support/folder.ts";

const path = testFolder();
const never = new AbortController().signal;

const caseOf = (size: number): TorchCase => ({
  name: { part: "product", library: "pytorch", mode: "eager f32", size },
  ...{ compiled: false, precision: "f32", channels_last: false },
});
const plan: TorchPlan = {
  ...{ runs: 1, steps: 1, warmup: 1, compiler: "inductor", models: {} },
  cases: [1, 2, 3].map(caseOf),
};
const skippedCase = (size: number, skipped: string): Line => ({ ...caseOf(size).name, skipped });

/** A process that prints its first line, then does something with the cases of the plan that it is given. */
const play = (withCases: string): string[] => [
  "--eval",
  `const say = (line) => console.log(JSON.stringify({ library: "pytorch", ...line }));
  say({ part: "device" });
  let text = "";
  process.stdin.on("data", (more) => {
    text += more;
    if (!text.endsWith("\\n")) return;
    const { cases } = JSON.parse(text);
    ${withCases}
  });`,
];

/** What is told of the cases. */
async function linesOf(
  withCases: string,
  end: AbortSignal = never,
  onLine: (line: Line) => void = () => undefined,
): Promise<Line[]> {
  const lines: Line[] = [];
  const torch = await TorchProcess.start(process.execPath, play(withCases), never, () => undefined);
  expect(torch).toBeDefined();
  await torch?.measure(plan, end, (line) => {
    lines.push(line);
    onLine(line);
  });
  return lines;
}

test("only the process's own lines count", () => {
  expect(lineOf('{"library": "pytorch", "part": "product"}')).toEqual({
    library: "pytorch",
    part: "product",
  });
  for (const other of ["", "a warning", "{cut off", "[1]", "null", "3", '{"part": "product"}']) {
    expect(lineOf(other)).toBeUndefined();
  }
});

test("what it measures is told in order, with the names that it was given", async () => {
  const lines = await linesOf(`
    console.log("a warning of a library");
    for (const { name } of cases) say({ ...name, matmul: { gflops: 10 * name.size } });`);
  expect(lines).toEqual([1, 2, 3].map((size) => ({ ...caseOf(size).name, matmul: { gflops: 10 * size } })));
});

test("at the end of the time it is ended with all that it started; what it printed counts", async () => {
  const end = new AbortController();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  // The first case begins a compiler that never ends; it is heard of until it does.
  const compiler = once(server, "connection").then(([socket]: Socket[]) => once(socket.resume(), "close"));
  const lines = await linesOf(
    `const compile = 'require("node:net").connect(${port}, "127.0.0.1", () => console.log("begun"))';
    const { spawn } = process.getBuiltinModule("node:child_process");
    const { stdout } = spawn(process.execPath, ["--eval", compile]);
    stdout.once("data", () => say(cases[0].name));`,
    end.signal,
    () => end.abort(),
  );
  expect(lines).toEqual([
    caseOf(1).name,
    skippedCase(2, "not finished in time"),
    skippedCase(3, "no time left"),
  ]);
  await compiler;
  server.close();
});

test("where no time is left, nothing is begun", async () => {
  const lines = await linesOf("for (const { name } of cases) say(name);", AbortSignal.abort());
  expect(lines).toEqual([1, 2, 3].map((size) => skippedCase(size, "no time left")));
});

test("one that ends early says why in the part that it was at", async () => {
  const lines = await linesOf(`
    say(cases[0].name);
    console.error("Traceback\\nthe last line says why");
    process.exitCode = 1;
    process.stdin.destroy();`);
  expect(lines).toEqual([
    caseOf(1).name,
    { ...caseOf(2).name, error: "the last line says why" },
    skippedCase(3, "PyTorch has ended"),
  ]);
});

test.each<[string, string, string[], AbortSignal, RegExp]>([
  ["there is no such command", "no-such-python", [], never, /no-such-python.*ENOENT/],
  ["it ends at once", process.execPath, ["--eval", "process.exit(3)"], never, /exit code 3/],
  [
    "it says that something is missing",
    process.execPath,
    ["--eval", `console.log('{"part": "pytorch", "library": "pytorch", "skipped": "no torch"}')`],
    never,
    /^no torch$/,
  ],
  [
    "it is never ready",
    process.execPath,
    ["--eval", "setInterval(() => {}, 1e6)"],
    AbortSignal.abort(),
    /not ready in time/,
  ],
])("it is skipped where %s", async (_, command, args, patience, why) => {
  const lines: Line[] = [];
  const torch = await TorchProcess.start(command, args, patience, (line) => lines.push(line));
  expect(torch).toBeUndefined();
  expect(lines).toEqual([{ part: "pytorch", library: "pytorch", skipped: expect.stringMatching(why) }]);
});

test("a part that is too slow is left, and later ones are named", async () => {
  const lines: Line[] = [];
  const end = new AbortController();
  const parts = new Parts({ until: Number.POSITIVE_INFINITY, end: end.signal }, (line) => lines.push(line));
  await parts.do({ part: "quick" }, async () => ({ size: 1 }));
  await parts.do({ part: "broken" }, () => Promise.reject(new Error("no memory")));
  const slow = parts.do({ part: "slow" }, () => new Promise<Line>(() => undefined));
  end.abort();
  await slow;
  await parts.do({ part: "late" }, async () => ({ size: 2 }));
  expect(lines).toEqual([
    { part: "quick", size: 1 },
    { part: "broken", error: "no memory" },
    { part: "slow", skipped: "not finished in time" },
    { part: "late", skipped: "no time left" },
  ]);
});

test("all lines are kept in a file, which is whole after each", async () => {
  const file = path("new/gpu.jsonl");
  const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
  const report = new Report(file);
  for (const size of [1, 2]) report.tell({ size });
  await report.kept();
  expect(await readFile(file, "utf8")).toBe('{"size":1}\n{"size":2}\n');
  expect(log.mock.calls).toEqual([['{"size":1}'], ['{"size":2}']]);
  log.mockRestore();
});

test("PyTorch's model of a preset is the one of diffusers' config, and eager f32 training comes first", async () => {
  const { cases, models } = torchPlan(WHOLE);
  const layout = new URL("../fixtures/checkpoint_layout/butterflies32/unet/config.json", import.meta.url);
  const { _diffusers_version, ...config } = JSON.parse(await readFile(layout, "utf8"));
  expect(models.butterflies32).toMatchObject({ config, max_grad_norm: null, ema: false });
  expect(cases.slice(0, 3).map(({ name }) => `${name.mode} ${name.part} ${name.preset}`)).toEqual([
    "eager f32 training quick",
    "eager f32 training butterflies32",
    "eager f32 training butterflies128",
  ]);
  const kinds = cases.map(({ compiled }) => compiled);
  expect(kinds.indexOf(true)).toBe(kinds.lastIndexOf(false) + 1);
});
