// Text from outside (names, labels, what a broken file holds) as it may stand in a line on a terminal.

/** Control characters (C0, DEL, C1), what reverses the direction of text, and what ends a line. */
const UNSEEN = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** The text with such characters as JSON writes them: an escape becomes \u001b, a line feed \u000a. */
export function printable(text: string): string {
  return text.replace(UNSEEN, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value from a file for an error message: as JSON, on one line, and no longer than `most` characters. */
export function quoted(value: unknown, most = 100): string {
  const text = printable(JSON.stringify(value) ?? "(missing)");
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

/** A name from a file for an error message: as it is where it is a short plain word, otherwise quoted. */
export const named = (name: string): string => (/^\w{1,100}$/.test(name) ? name : quoted(name));
