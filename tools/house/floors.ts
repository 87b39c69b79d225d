// Imports go downwards only: a floor imports from the floors below it, and rooms of one floor do not import each other.

import type { Problem, Sources } from "./sources.ts";

/** From the top. Rooms on one line are on the same floor. */
const FLOORS: readonly (readonly string[])[] = [
  ["cli"],
  ["training"],
  ["distributed"],
  ["pipelines"],
  ["codecs"],
  ["models", "schedulers", "data", "metrics"],
  ["nn"],
  ["io"],
  ["engine"],
  ["platform"],
];
/** Within the engine, from the top: upper rooms may import lower ones. */
const ENGINE: readonly (readonly string[])[] = [["backends"], ["program"], ["passes"], ["math"]];
/** Files on no floor: the entries of the package, and its version. */
const APART = ["src/index.ts", "src/browser.ts", "src/version.ts"];

export function upwardImports(sources: Sources): Problem[] {
  const problems: Problem[] = [];
  for (const file of sources.files) {
    const path = sources.pathOf(file);
    if (!path.startsWith("src/") || APART.includes(path)) continue;
    for (const { target } of sources.importsOf(file)) {
      if (target === undefined) continue;
      const to = sources.pathOf(target);
      if (to === "src/version.ts") continue;
      const breach = to.startsWith("src/") ? breachOf(path, to) : "which is no part of the package";
      if (breach !== undefined) problems.push({ file: file.fileName, problem: `imports ${to}, ${breach}` });
    }
  }
  return problems;
}

function breachOf(from: string, to: string): string | undefined {
  if (APART.includes(to)) return "which only others than the package import";
  const [a, b] = [from, to].map((path) => path.split("/").slice(1));
  if (a[0] !== b[0]) return breach(FLOORS, a[0], b[0]);
  return a[0] === "engine" && a[1] !== b[1] ? breach(ENGINE, a[1], b[1]) : undefined;
}

function breach(floors: typeof FLOORS, from: string, to: string): string | undefined {
  const [above, below] = [from, to].map((room) => floors.findIndex((rooms) => rooms.includes(room)));
  if (floors === FLOORS && (above === -1 || below === -1))
    return "and one of them is on no floor (tools/house/floors.ts)";
  if (floors === ENGINE && (above === -1 || below === -1)) return undefined;
  if (above === below) return "a room of the same floor";
  return above > below ? "which is a floor above" : undefined;
}
