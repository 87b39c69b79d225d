// The entry of the imago command: runs it, prints what went wrong in one line, sets the exit code.

import { describeError, EXIT } from "./errors.ts";
import { runCommand } from "./program.ts";

// Started by bin/imago.js as its child: when that process is gone, however it ended, this one must not go on.
if (process.channel) {
  process.on("disconnect", () => process.exit(EXIT.failed));
  process.channel.unref();
}

// A reader that went away (`imago --help | head`) is no fault; work that can be interrupted is, to keep what it did.
let readerGone = false;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  if (readerGone) return;
  readerGone = true;
  if (!process.emit("SIGTERM")) process.exit(EXIT.done);
});

try {
  await runCommand(process.argv.slice(2));
  process.exitCode = EXIT.done;
} catch (error) {
  const { code, line } = describeError(error);
  if (line !== "") process.stderr.write(`imago: ${line}\n`);
  if (process.env.IMAGO_DEBUG === "1") console.error(error);
  process.exitCode = code;
}
