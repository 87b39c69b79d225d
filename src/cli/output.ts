// What a command says: text for people, or with --json one object a line on stdout and nothing else. Names from files
// and data sets are part of it, so whatever is said becomes printable here, also inside of JSON, which allows it.

import { printable } from "../io/printable.ts";
import { Progress, type Status } from "./progress.ts";

/** Fields of one line of --json. */
export type Event = Readonly<Record<string, unknown>>;

export interface Output {
  /** An event for scripts; for people it is silent. */
  event(event: Event): void;
  /** A line for people. */
  line(text: string): void;
  /** The live status for people. */
  status(status: Status, options?: { readonly force?: boolean }): void;
  /** A piece of work that has no steps to count, such as compiling. */
  begin(text: string): void;
  /** What is being done beside the status; in a terminal only. */
  activity(text: string): void;
  /** Something that the user should know; on stderr in either form. */
  warn(text: string): void;
  /** Ends the status line and leaves it. */
  end(): void;
  /** Takes the status line away. */
  clear(): void;
}

export function createOutput(json: boolean): Output {
  const warn = (text: string) => process.stderr.write(`imago: warning: ${printable(text)}\n`);
  if (json) {
    return {
      event: (event) => process.stdout.write(`${printable(JSON.stringify(event))}\n`),
      line: () => {},
      status: () => {},
      begin: () => {},
      activity: () => {},
      warn,
      end: () => {},
      clear: () => {},
    };
  }
  const progress = new Progress(process.stdout);
  return {
    event: () => {},
    line: (text) => progress.message(printable(text)),
    status: (status, options) => progress.status({ ...status, parts: status.parts.map(printable) }, options),
    begin: (text) => progress.status({ parts: [printable(text)] }, { force: true }),
    activity: (text) => progress.activity(printable(text)),
    warn: (text) => {
      progress.clear();
      warn(text);
    },
    end: () => progress.end(),
    clear: () => progress.clear(),
  };
}
