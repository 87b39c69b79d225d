// Temporary names beside a file or folder that is being written.

/** Kinds: what is being written, and the word that it is complete and takes its place. */
const LEFTOVER = /^\.(.+)\.([0-9a-f]{12})\.(tmp|new)$/;

/** Whether a name is that of something half written, which `repairFolder` would put in its place or remove. */
export const isLeftover = (name: string): boolean => LEFTOVER.test(name);

/** The name that something with a word of its completion is meant for; undefined for other names. */
export const targetOfWord = (name: string): string | undefined => {
  const [, target, , kind] = LEFTOVER.exec(name) ?? [];
  return kind === "new" ? target : undefined;
};

/** Twelve random characters, 0-9 and a-f. */
export const randomName = (): string =>
  [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Temporary names for a file or folder, unique. */
export function namesAside(name: string): { readonly aside: string; readonly word: string } {
  const base = `.${name}.${randomName()}`;
  return { aside: `${base}.tmp`, word: `${base}.new` };
}
