// Exports are used by another file of the package, or are public. Use by tests alone does not count.

import ts from "typescript";
import { publicSymbols } from "./public_symbols.ts";
import type { Problem, Sources } from "./sources.ts";

/** The kernel language's operations: tests hold any encoder to all of them, whether templates use them or not. */
const VOCABULARY = "src/engine/backends/cpu/simd/ops.ts";

export function unusedExports(sources: Sources): Problem[] {
  const inPackage = namesTaken(sources, (path) => path.startsWith("src/"));
  const elsewhere = namesTaken(sources, (path) => !path.startsWith("src/"));
  const checker = sources.program.getTypeChecker();
  const shown = new Set(publicSymbols(sources).map(({ symbol }) => symbol));
  return sources.files.flatMap((file) => {
    const module = checker.getSymbolAtLocation(file);
    if (!sources.pathOf(file).startsWith("src/") || module === undefined) return [];
    const uses = (taken: typeof inPackage, name: string): boolean =>
      taken.get(file)?.has(name) === true || taken.get(file)?.has("*") === true;
    return checker.getExportsOfModule(module).flatMap((symbol) => {
      const { name } = symbol;
      const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      if (shown.has(real) || uses(inPackage, name)) return [];
      const usedHere = mentions(file, name) > 1;
      // A type in the signature of an exported function is needed by that function's callers.
      const isNeeded = usedHere && (isType(real) || uses(elsewhere, name));
      const isWord = sources.pathOf(file) === VOCABULARY && uses(elsewhere, name);
      const problem = usedHere
        ? `exports ${name}, which is used in this file only`
        : `exports ${name}, which ${uses(elsewhere, name) ? "only tests and tools use" : "nobody uses"}`;
      return isNeeded || isWord ? [] : [{ file: file.fileName, problem }];
    });
  });
}

/** The names that other files import from each file. */
function namesTaken(
  sources: Sources,
  by: (path: string) => boolean,
): ReadonlyMap<ts.SourceFile, ReadonlySet<string>> {
  const taken = new Map<ts.SourceFile, Set<string>>();
  for (const file of sources.files) {
    if (!by(sources.pathOf(file))) continue;
    for (const { target, names } of sources.importsOf(file)) {
      if (target === undefined) continue;
      for (const file of [target, ...onOtherSides(sources, target)]) {
        const known = taken.get(file) ?? new Set<string>();
        for (const name of names) known.add(name);
        taken.set(file, known);
      }
    }
  }
  return taken;
}

/** "#platform" is Node's side here, and the browser's in a browser. */
function onOtherSides(sources: Sources, target: ts.SourceFile): readonly ts.SourceFile[] {
  const [, name] = /^src\/platform\/node\/(.+)$/.exec(sources.pathOf(target)) ?? [];
  return sources.files.filter((file) => sources.pathOf(file) === `src/platform/browser/${name}`);
}

const isType = ({ flags }: ts.Symbol): boolean => (flags & ts.SymbolFlags.Value) === 0;

/** How often a name occurs in a file. */
function mentions(file: ts.SourceFile, name: string): number {
  let count = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === name) count++;
    ts.forEachChild(node, visit);
  };
  visit(file);
  return count;
}
