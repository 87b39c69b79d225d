// Every source file of the package says what it is in its first line.

import type { Problem, Sources } from "./sources.ts";

export function headers(sources: Sources): Problem[] {
  return sources.files.flatMap((file) => {
    if (!sources.pathOf(file).startsWith("src/") || /^\/\/ [^a-z]|^\/\/ imago/.test(file.text)) return [];
    return [
      { file: file.fileName, problem: "begins without a line that says what it is, such as // Group norm." },
    ];
  });
}
