// The entry of the imago command: runs it, prints errors in one line, sets the exit code.

import { inspect } from "node:util";
import { printable } from "../io/printable.ts";
import { describeError, EXIT } from "./errors.ts";
import { askToStop } from "./interrupt.ts";
import { runCommand } from "./program.ts";
import { type OutputLoss, watchStandardStreams } from "./standard_streams.ts";
import { isLeftToFirst } from "./team.ts";

interface Outcome {
  readonly code: number;
  readonly line: string;
}

// Started by bin/imago.js as its child: when the parent ends for any reason, this process must end too.
if (process.channel) {
  process.on("disconnect", () => {
    if (!askToStop()) process.exit(EXIT.interrupted);
  });
  process.channel.unref();
}

let isEnding = false;
const settleOutput = watchStandardStreams((loss) => {
  // Stoppable work keeps its results; other work has none to keep.
  if (isEnding || askToStop()) return;
  tell({ code: loss.kind === "unread" ? EXIT.done : EXIT.interrupted, line: "" }, loss, () => process.exit());
});

const { outcome, error } = await run();
isEnding = true;
tell(outcome, await settleOutput());
if (error !== undefined && process.env.IMAGO_DEBUG === "1") {
  process.stderr.write(`${inspect(error).split("\n").map(printable).join("\n")}\n`);
}

async function run(): Promise<{ readonly outcome: Outcome; readonly error?: unknown }> {
  try {
    await runCommand(process.argv.slice(2));
    return { outcome: { code: EXIT.done, line: "" } };
  } catch (error) {
    const { code, line } = describeError(error);
    return (await isLeftToFirst(error))
      ? { outcome: { code, line: "" } }
      : { outcome: { code, line }, error };
  }
}

/** Sets the exit code, and reports in one line an error of standard output, of the command, or of both. */
function tell({ code, line }: Outcome, loss: OutputLoss | undefined, then = () => {}): void {
  const failed = loss?.kind === "failed";
  const isOwnFault = code !== EXIT.done && code !== EXIT.interrupted;
  process.exitCode = failed && !isOwnFault ? EXIT.failed : code;
  const said = [...(failed ? [loss.message] : []), ...(line === "" ? [] : [line])].join("; ");
  if (said === "") then();
  else process.stderr.write(`imago: ${said}\n`, then);
}
