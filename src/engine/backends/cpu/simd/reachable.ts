// The functions that a module must contain.

import type { FunctionRef, ImportedFunction, RecordedFunction, Statement } from "./statement.ts";

/** Every function reachable from the roots, each once, in order of discovery. */
export function reachable(roots: readonly RecordedFunction[]): {
  functions: RecordedFunction[];
  imports: ImportedFunction[];
} {
  const functions = new Set<RecordedFunction>();
  const imports = new Set<ImportedFunction>();
  const visit = (target: FunctionRef): void => {
    if (target.kind === "import") {
      imports.add(target);
    } else if (!functions.has(target)) {
      functions.add(target);
      visitCalls(target.body, visit);
    }
  };
  for (const root of roots) visit(root);
  return { functions: [...functions], imports: [...imports] };
}

function visitCalls(statements: readonly Statement[], visit: (target: FunctionRef) => void): void {
  for (const statement of statements) {
    if (statement.kind === "call") visit(statement.target);
    else if (statement.kind === "for" || statement.kind === "while" || statement.kind === "vectors")
      visitCalls(statement.body, visit);
    else if (statement.kind === "if") {
      visitCalls(statement.yes, visit);
      visitCalls(statement.no, visit);
    }
  }
}
