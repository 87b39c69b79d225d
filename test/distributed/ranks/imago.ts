// The imago command, with the arguments of this script. With IMAGO_TEST_EXITS it says with which exit code it ends.

import { writeSync } from "node:fs";

if (process.env.IMAGO_TEST_EXITS) process.on("exit", (code) => writeSync(2, `exit code ${code}\n`));
await import("../../../src/cli/main.ts");
