// Words of a file or a server as part of one line: printable, without ends of lines, not long.

import { printable } from "./printable.ts";

/** Characters of a text that are shown. */
const SHOWN = 200;

/** A value of a JSON file: text as it is, anything else as JSON. */
export const shown = (value: unknown): string =>
  plain(typeof value === "string" ? value : (JSON.stringify(value) ?? "absent"));

/** The text in one line, control characters escaped, cut where it is long. */
export function plain(text: string): string {
  const line = printable(
    text
      .slice(0, 2 * SHOWN)
      .replaceAll(/\s+/g, " ")
      .trim(),
  );
  return line.length < SHOWN && text.length < 2 * SHOWN ? line : `${line.slice(0, SHOWN - 1)}…`;
}
