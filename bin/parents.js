// The processes above the imago command, npx and its shell. A killed one sends no message, but this process then gets
// another parent.
import { readFileSync } from "node:fs";

const LOOK_MS = 500;

/** Calls `gone` once when npx, which started this process, has ended. Other parents may end: the command continues. */
export function onNpxGone(gone) {
  const { npm_lifecycle_event: event, npm_lifecycle_script: script = "" } = process.env;
  if (event !== "npx" || !/^["']?imago["']?(\s|$)/.test(script)) return;
  const begun = parents();
  const timer = setInterval(() => {
    if (parents() === begun) return;
    clearInterval(timer);
    gone();
  }, LOOK_MS);
  timer.unref();
}

/** The parent process and, if that is npx's shell and the system shows it, the parent of the parent. */
function parents() {
  const parent = process.ppid;
  try {
    const isShell = readFileSync(`/proc/${parent}/cmdline`, "utf8").split("\0")[1] === "-c";
    // "PID (NAME) STATE PARENT ...", where the name may contain anything.
    const [, above] = /.*\) \S+ (\d+)/s.exec(readFileSync(`/proc/${parent}/stat`, "utf8")) ?? [];
    return isShell ? `${parent} ${above}` : `${parent}`;
  } catch {
    return `${parent}`;
  }
}
