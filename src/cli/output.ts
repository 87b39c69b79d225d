// What a command says: text for people, or with --json one object a line on stdout and nothing else.

import { Progress } from "./progress.ts";

/** Fields of one line of --json. */
export type Event = Readonly<Record<string, unknown>>;

export interface Output {
  /** An event for scripts; for people it is silent. */
  event(event: Event): void;
  /** A line for people. */
  line(text: string): void;
  /** The live status for people. */
  status(text: string, options?: { readonly force?: boolean }): void;
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
  const warn = (text: string) => process.stderr.write(`imago: warning: ${text}\n`);
  if (json) {
    return {
      event: (event) => process.stdout.write(`${JSON.stringify(event)}\n`),
      line: () => {},
      status: () => {},
      activity: () => {},
      warn,
      end: () => {},
      clear: () => {},
    };
  }
  const progress = new Progress(process.stdout);
  return {
    event: () => {},
    line: (text) => progress.message(text),
    status: (text, options) => progress.status(text, options),
    activity: (text) => progress.activity(text),
    warn: (text) => {
      progress.clear();
      warn(text);
    },
    end: () => progress.end(),
    clear: () => progress.clear(),
  };
}
