// Runs files of tests in this process, without vitest's own processes: for an emulated processor, on which those cannot
// run. Prints one JSON line for each test.
//
//   node test/engine/arm64_checks.ts PATTERN FILE...   the tests whose names match, of files beside this one

import { startTests } from "vitest/internal/browser";
import type { CheckLine } from "./arm64_check_line.ts";

const [pattern, ...files] = process.argv.slice(2);
const TIMEOUT = 300_000;

/** Names of tests with those of their groups. */
const nameOf = ({ name, suite }: Named): string => (suite?.name ? `${nameOf(suite)} > ${name}` : name);
interface Named {
  readonly name: string;
  readonly suite?: Named | undefined;
}

const runner: Parameters<typeof startTests>[1] = {
  config: {
    root: import.meta.dirname,
    setupFiles: [],
    name: undefined,
    passWithNoTests: false,
    testNamePattern: new RegExp(pattern),
    allowOnly: false,
    sequence: { shuffle: false, concurrent: false, seed: 0, hooks: "stack", setupFiles: "list" },
    chaiConfig: undefined,
    maxConcurrency: 1,
    testTimeout: TIMEOUT,
    hookTimeout: TIMEOUT,
    retry: 0,
    includeTaskLocation: false,
    ...{ tags: [], tagsFilter: undefined, strictTags: false },
  },
  importFile: (path) => import(path),
  onAfterRunTask(task) {
    const { state, errors = [] } = task.result ?? {};
    const line: CheckLine = {
      name: nameOf(task),
      state: state ?? "none",
      errors: errors.map(({ message }) => message),
    };
    console.log(JSON.stringify(line));
  },
};
await startTests(
  files.map((file) => new URL(file, import.meta.url).pathname),
  runner,
);
