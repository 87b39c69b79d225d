// Public symbols have a docstring where they are declared.

import { publicSymbols } from "./public_symbols.ts";
import type { Problem, Sources } from "./sources.ts";

export function undescribed(sources: Sources): Problem[] {
  const checker = sources.program.getTypeChecker();
  return publicSymbols(sources).flatMap(({ entry, name, symbol }) => {
    if (symbol.getDocumentationComment(checker).length > 0) return [];
    const file = symbol.declarations?.[0]?.getSourceFile().fileName ?? entry;
    return [{ file, problem: `${name} is public and has no docstring` }];
  });
}
