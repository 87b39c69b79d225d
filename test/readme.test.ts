// The README's TypeScript is exactly examples/butterflies.ts, which runs; and its links exist.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const rootUrl = (path: string) => new URL(`../${path}`, import.meta.url);
const read = (path: string) => readFileSync(rootUrl(path), "utf8");
const pages = readdirSync(rootUrl("docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/${name}`);

test("the example in the README is the one that runs", () => {
  const [, shown] = /```ts\n([\s\S]*?)```/.exec(read("README.md")) ?? [];
  expect(shown).toBe(read("examples/butterflies.ts"));
});

const documents = ["README.md", "CONTRIBUTING.md", ...pages];

test.each(documents)("files that %s links to exist", (document) => {
  for (const [, target] of read(document).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
    expect(existsSync(new URL(target, rootUrl(document))), target).toBe(true);
  }
});

test("the README names every page", () => {
  const readme = read("README.md");
  for (const page of pages) expect(readme).toContain(page);
});
