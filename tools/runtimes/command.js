// `measure` as a command: RUNTIME command.js OPTIONS, with OPTIONS as JSON. Prints the result as JSON.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as imago from "../../dist/index.js";
import { measure } from "./measure.js";

const folder = mkdtempSync(join(tmpdir(), "imago-runtime-"));
try {
  console.log(
    JSON.stringify(await measure(imago, { ...JSON.parse(process.argv[2]), out: join(folder, "run") })),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
