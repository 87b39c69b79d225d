// The package's public symbols: the exports of its entries.

import ts from "typescript";
import type { Sources } from "./sources.ts";

/** The files behind `exports` in package.json. */
export const ENTRIES = [
  ...["engine", "nn", "schedulers", "data", "metrics"].map((room) => `src/${room}/index.ts`),
  "src/index.ts",
  "src/browser.ts",
];

export function publicSymbols(
  sources: Sources,
): { readonly entry: string; readonly name: string; readonly symbol: ts.Symbol }[] {
  const checker = sources.program.getTypeChecker();
  return sources.files.flatMap((file) => {
    const entry = sources.pathOf(file);
    const module = checker.getSymbolAtLocation(file);
    if (!ENTRIES.includes(entry) || module === undefined) return [];
    return checker.getExportsOfModule(module).map((exported) => ({
      entry,
      name: exported.name,
      symbol: exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported,
    }));
  });
}
