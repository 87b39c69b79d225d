// Public symbols have a docstring where they are declared.

import ts from "typescript";
import { publicSymbols } from "./public_symbols.ts";
import type { Problem, Sources } from "./sources.ts";

export function undescribed(sources: Sources): Problem[] {
  const checker = sources.program.getTypeChecker();
  return publicSymbols(sources).flatMap(({ entry, name, symbol }) => {
    // A whole module has its header.
    if (symbol.flags & ts.SymbolFlags.Module) return [];
    if (symbol.getDocumentationComment(checker).length > 0) return [];
    const file = symbol.declarations?.[0]?.getSourceFile().fileName ?? entry;
    return [{ file, problem: `${name} is public and has no docstring` }];
  });
}
