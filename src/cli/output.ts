// The output of a command: text for people, or with --json one object per line on stdout and nothing else. It may
// contain names from files and data sets, so everything is made printable here, also inside JSON, which allows that.

import { printable } from "../io/printable.ts";
import { Progress, type Status } from "./progress.ts";

/** Fields of one line of --json. */
export type Event = Readonly<Record<string, unknown>>;

export interface Output {
  /** Prints an event for scripts; nothing for people. */
  event(event: Event): void;
  /** Prints a line for people. */
  line(text: string): void;
  /** Shows the live status for people. */
  status(status: Status, options?: { readonly force?: boolean }): void;
  /** Begins work without countable steps, such as compiling. */
  begin(text: string): void;
  /** Shows the current activity next to the status; in a terminal only. */
  activity(text: string): void;
  /** Prints a warning on stderr, in both forms. */
  warn(text: string): void;
  /** Ends the status line and keeps it. */
  end(): void;
  /** Removes the status line. */
  clear(): void;
}

/** Says nothing: of several processes that work together one speaks for all. */
export function quietOutput(): Output {
  const nothing = () => {};
  return {
    ...{ event: nothing, line: nothing, status: nothing, begin: nothing, activity: nothing, warn: nothing },
    ...{ end: nothing, clear: nothing },
  };
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
