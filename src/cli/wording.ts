// The wording of the command: counts with nouns, sizes, times, and commands to paste into a shell.

export { byteSize as bytes } from "../io/byte_size.ts";

/** 1 -> "1 image", 1000 -> "1,000 images", 2 -> "2 classes". */
export function counted(count: number, noun: string): string {
  const ending = count === 1 ? "" : noun.endsWith("s") ? "es" : "s";
  return `${count.toLocaleString("en-US")} ${noun}${ending}`;
}

/** Largest number of class names in a line. */
export const CLASSES_TOLD = 8;

/** The first `most` of some names: "a, b", "a, b and 17 more". */
export function someOf(names: readonly string[], most: number): string {
  const rest = names.length - most;
  return `${names.slice(0, most).join(", ")}${rest > 0 ? ` and ${rest.toLocaleString("en-US")} more` : ""}`;
}

/** 1_234_567 -> "1.2 M", 11_767 -> "11.8 k". */
export function magnitude(count: number): string {
  const [unit, factor] = count >= 1e6 ? ["M", 1e6] : count >= 1000 ? ["k", 1000] : ["", 1];
  return unit === "" ? String(count) : `${(count / Number(factor)).toFixed(1)} ${unit}`;
}

/** "8 s", "3 min 05 s", "2 h 07 min". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** Remaining time of work with this share done after `seconds`, if it can be estimated: ["8 s left"] or []. */
export const timeLeft = (share: number, seconds: number): string[] =>
  share > 0 && share < 1 ? [`${duration((seconds * (1 - share)) / share)} left`] : [];

/** A command to continue with, as the user would type it: with npx if this one had it, and with quoted paths. */
export function imagoCommand(...args: readonly string[]): string {
  const { npm_lifecycle_event, npm_lifecycle_script = "" } = process.env;
  const byNpx = npm_lifecycle_event === "npx" && /^["']?imago["']?(\s|$)/.test(npm_lifecycle_script);
  return [...(byNpx ? ["npx"] : []), "imago", ...args.map(shellWord)].join(" ");
}

/** Quotes an argument as one word of a shell. */
export function shellWord(arg: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(arg)) return arg;
  return process.platform === "win32" ? `"${arg}"` : `'${arg.replaceAll("'", "'\\''")}'`;
}

/** "correctorSteps" -> "--corrector-steps", "prompt2" -> "--prompt-2". */
export const flagOf = (option: string): string =>
  `--${option.replaceAll(/[A-Z\d]/g, (letter) => `-${letter.toLowerCase()}`)}`;
