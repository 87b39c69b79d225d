// Words of a file or a server as part of one line: no control characters, not long.

/** Characters of a text that are shown. */
const SHOWN = 200;

/** A value of a JSON file: text as it is, anything else as JSON. */
export const shown = (value: unknown): string =>
  plain(typeof value === "string" ? value : (JSON.stringify(value) ?? "absent"));

/** The text in one line, without control characters, cut where it is long. */
export function plain(text: string): string {
  const line = text
    .slice(0, 2 * SHOWN)
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return line.length < SHOWN && text.length < 2 * SHOWN ? line : `${line.slice(0, SHOWN - 1)}…`;
}
