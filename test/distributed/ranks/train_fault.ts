// The imago command. Says first which rank this process is, and throws out of an event when it is sent SIGURG.

import { writeSync } from "node:fs";
import { launchOf } from "../../../src/distributed/launcher.ts";

process.on("SIGURG", () => {
  throw new Error("the loss is\nnot finite");
});
writeSync(1, `process ${process.pid} is rank ${launchOf(process.env)?.rank}\n`);
await import("../../../src/cli/main.ts");
