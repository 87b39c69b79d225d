// Checks the structure of the sources, in `npm run lint`: imports go downwards between floors and never in circles,
// Node's modules are imported and elementary functions taken only where allowed, exports are used, and each file has a
// header. Docstrings are checked where the documentation is made of them (tools/docs).
//
//   node tools/check_house.ts

import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { circles } from "./house/circles.ts";
import { elementaryFunctions } from "./house/elementary.ts";
import { upwardImports } from "./house/floors.ts";
import { headers } from "./house/headers.ts";
import { nodeImports } from "./house/node_modules.ts";
import { readSources } from "./house/sources.ts";
import { unusedExports } from "./house/unused_exports.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const sources = readSources(root);
const problems = [
  ...upwardImports(sources),
  ...circles(sources),
  ...nodeImports(sources),
  ...elementaryFunctions(sources),
  ...unusedExports(sources),
  ...headers(sources),
];
for (const { file, problem } of problems)
  console.error(`${relative(root, file).split(sep).join("/")}: ${problem}`);
console.log(
  problems.length === 0 ? `${sources.files.length} files: the house stands` : `${problems.length} problems`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
