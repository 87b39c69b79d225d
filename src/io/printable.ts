// Makes text from outside (names, labels, the contents of a broken file) safe to print on a terminal.

/** Control characters (C0, DEL, C1), bidirectional controls and line breaks. */
const UNSEEN = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** The text with such characters escaped as in JSON: an escape becomes \u001b, a line feed \u000a. */
export function printable(text: string): string {
  return text.replace(UNSEEN, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value from a file for an error message: as JSON, on one line, at most `most` characters long. */
export function quoted(value: unknown, most = 100): string {
  const text = printable(JSON.stringify(value) ?? "(missing)");
  return text.length > most ? `${text.slice(0, most)}...` : text;
}

/** A name from a file for an error message: unchanged if it is a short plain word, otherwise quoted. */
export const named = (name: string): string => (/^\w{1,100}$/.test(name) ? name : quoted(name));
