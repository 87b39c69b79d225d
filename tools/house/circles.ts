// No file imports itself through other files, neither by value nor by type.

import type ts from "typescript";
import type { Problem, Sources } from "./sources.ts";

export function circles(sources: Sources): Problem[] {
  const files = sources.files.filter((file) => sources.pathOf(file).startsWith("src/"));
  return components(files, (file) =>
    sources.importsOf(file).flatMap(({ target }) => (target === undefined ? [] : [target])),
  )
    .filter((members) => members.length > 1)
    .map((members) => {
      const names = members.map((file) => sources.pathOf(file)).sort();
      return { file: members[0].fileName, problem: `imports in a circle: ${names.join(", ")}` };
    });
}

/** Groups of files that reach each other (Tarjan 1972). */
function components(
  files: readonly ts.SourceFile[],
  next: (file: ts.SourceFile) => readonly ts.SourceFile[],
): ts.SourceFile[][] {
  const found: ts.SourceFile[][] = [];
  const order = new Map<ts.SourceFile, number>();
  const lowest = new Map<ts.SourceFile, number>();
  const stack: ts.SourceFile[] = [];
  const visit = (file: ts.SourceFile): number => {
    const index = order.size;
    order.set(file, index);
    stack.push(file);
    let low = index;
    for (const target of next(file)) {
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (stack.includes(target)) low = Math.min(low, order.get(target) ?? low);
    }
    lowest.set(file, low);
    if (low === index) found.push(stack.splice(stack.indexOf(file)));
    return low;
  };
  for (const file of files) if (!order.has(file)) visit(file);
  return found;
}
