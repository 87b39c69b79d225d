// Text from a file or a server for use in one line: printable, without line breaks, short.

import { printable } from "./printable.ts";

/** Most characters that are shown. */
const SHOWN = 200;

/** A value of a JSON file: text unchanged, anything else as JSON. */
export const shown = (value: unknown): string =>
  plain(typeof value === "string" ? value : (JSON.stringify(value) ?? "absent"));

/** The text in one line, with control characters escaped, shortened if it is long. */
export function plain(text: string): string {
  const line = printable(
    text
      .slice(0, 2 * SHOWN)
      .replaceAll(/\s+/g, " ")
      .trim(),
  );
  return line.length < SHOWN && text.length < 2 * SHOWN ? line : `${line.slice(0, SHOWN - 1)}…`;
}
