// What the README shows is what runs: its TypeScript is examples/butterflies.ts to the letter, and its links exist.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), "utf8");

test("the example in the README is the one that runs", () => {
  const [, shown] = /```ts\n([\s\S]*?)```/.exec(read("README.md")) ?? [];
  expect(shown).toBe(read("examples/butterflies.ts"));
});

test("files that the documents link to exist", () => {
  for (const document of ["README.md", "CONTRIBUTING.md", "docs/architecture.md"]) {
    for (const [, target] of read(document).matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      expect(existsSync(fileURLToPath(new URL(`../${target}`, import.meta.url))), target).toBe(true);
    }
  }
});
