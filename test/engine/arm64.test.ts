// Machine code of arm64 in a process of an arm64 Node, which may be emulated: the tests of machine code, run there, hold
// it against WebAssembly bit by bit. IMAGO_ARM64_NODE is the command line that starts such a Node:
//
//   IMAGO_ARM64_NODE="qemu-aarch64 -L /usr/aarch64-linux-gnu /opt/node-arm64/bin/node"
//
// Without it these tests are skipped, unless IMAGO_NEEDS_ARM64 is set. An emulator is slow, so they are a selection.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { type CheckLine, checkLine } from "./arm64_check_line.ts";

const node = process.env.IMAGO_ARM64_NODE?.split(" ").filter((word) => word !== "") ?? [];
const missing = "IMAGO_ARM64_NODE is not set";
if (node.length === 0 && process.env.IMAGO_NEEDS_ARM64 !== undefined)
  throw new Error(`IMAGO_NEEDS_ARM64 is set, and ${missing}`);

interface Area {
  readonly name: string;
  readonly files: readonly string[];
  /** Of the names of the tests to run. */
  readonly pattern: RegExp;
  /** Fewest tests that must pass. */
  readonly least: number;
}

const AREAS: readonly Area[] = [
  {
    name: "every operation of the language",
    files: ["native_operations.test.ts"],
    pattern: /^(?!.*a choice by v)/,
    least: 70,
  },
  {
    name: "calls, long functions, registers, memory, other systems",
    files: [
      "native_calls",
      "native_long_functions",
      "native_registers",
      "native_memory",
      "native_not_a_number",
      "native_macos",
    ].map(testFile),
    pattern: /./,
    least: 47,
  },
  {
    name: "families of kernels, values and gradients",
    files: ["matmul", "attention", "conv2d", "winograd", "random_gather"].map((family) =>
      testFile(`cpu_kernels_${family}`),
    ),
    pattern: new RegExp(
      [
        ...[
          "long k of odd length",
          "attention values",
          "an outer product: A by heads",
          "gradient of weights",
        ],
        ...["machine's.* 4 heads, 64 tokens", "machine's.* 49 tokens", "machine's.* 20 tokens"],
        ...["few results", "channels in parts", "1 x 1", "last of a UNet", "nine k blocks", "1 x 4 px"],
        ...["8 px, 128", "normal numbers have mean"],
      ].join("|"),
    ),
    least: 35,
  },
  {
    name: "training on threads, random graphs",
    files: ["native_training", "native_fuzz"].map(testFile),
    pattern: /fp32|agree/,
    least: 2,
  },
];
const RANDOM_GRAPHS = 10;

function testFile(name: string): string {
  return `${name}.test.ts`;
}

/** What the tests of an area say, in another process. */
async function run({ files, pattern }: Area): Promise<CheckLine[]> {
  const [command, ...args] = node;
  const checks = fileURLToPath(new URL("arm64_checks.ts", import.meta.url));
  const child = spawn(command, [...args, checks, pattern.source, ...files], {
    env: { ...process.env, IMAGO_FUZZ_GRAPHS: String(RANDOM_GRAPHS) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const code = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  expect(code, text.slice(-2000)).toBe(0);
  const lines = text.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => v.parse(checkLine, JSON.parse(line)));
}

const name = "machine code of arm64";
if (node.length === 0) describe.skip(`${name} (skipped: ${missing})`, () => {});
else
  describe(name, () => {
    test.each(AREAS)("$name", { timeout: 600_000 }, async (area) => {
      const lines = (await run(area)).filter(({ state }) => state !== "skip");
      expect(lines.filter(({ state }) => state !== "pass")).toEqual([]);
      expect(lines.length, "tests that ran").toBeGreaterThanOrEqual(area.least);
    });
  });
