// What a first visit of the studio loads before anything is computed.

import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { beforeAll, expect, test } from "vitest";

/** Of 1000 bytes, packed. */
const MOST_KB = 300;

/** What builds, compiles and runs graphs, and what is built of them. */
const ENGINE = /\/src\/(?:engine\/(?:backends|ops|passes|program|graph)|models|pipelines)\b/;

type Built = Rolldown.OutputChunk | Rolldown.OutputAsset;
let built: ReadonlyMap<string, Built>;

beforeAll(async () => {
  const result = await build({
    configFile: "studio/vite.config.ts",
    logLevel: "silent",
    build: { write: false },
  });
  if (Array.isArray(result) || !("output" in result)) throw new Error("expected one build");
  built = new Map(result.output.map((file) => [file.fileName, file]));
});

const textOf = (file: Built): string | Uint8Array => (file.type === "chunk" ? file.code : file.source);

/** A file and what it names: what a browser asks for without running anything. */
function firstFiles(name: string, found = new Set<string>()): ReadonlySet<string> {
  const file = built.get(name);
  if (file === undefined || found.has(name)) return found;
  found.add(name);
  const named =
    file.type === "chunk"
      ? file.imports
      : name.endsWith(".html")
        ? Array.from(String(textOf(file)).matchAll(/(?:src|href)="\.\/([^"]+)"/g), ([, path]) => path)
        : [];
  for (const one of named) firstFiles(one, found);
  return found;
}

test("it is small", () => {
  const names = [...firstFiles("index.html")];
  expect(names.map((name) => /\.(\w+)$/.exec(name)?.[1]).sort()).toEqual(
    expect.arrayContaining(["css", "html", "js"]),
  );
  const bytes = names
    .flatMap((name) => built.get(name) ?? [])
    .map((file) => gzipSync(textOf(file)).length)
    .reduce((sum, length) => sum + length, 0);
  expect(bytes / 1000).toBeLessThan(MOST_KB);
});

test("the engine is not part of it, but of the workers that compute", () => {
  const modules = [...firstFiles("index.html")].flatMap((name) => {
    const file = built.get(name);
    return file?.type === "chunk" ? file.moduleIds : [];
  });
  expect(modules.some((id) => id.includes("/studio/"))).toBe(true);
  expect(modules.filter((id) => ENGINE.test(id))).toEqual([]);
  const backends = [...built.keys()].filter((name) => name.includes("wasm_backend"));
  expect(backends.length).toBeGreaterThan(0);
});
