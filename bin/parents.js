// npx, and the shell that it starts, stand above the imago command. One that is killed tells nobody; that this process
// has another parent does.
import { readFileSync } from "node:fs";

const LOOK_MS = 500;

/** Calls `gone` once when npx, which started this process, has ended. Of other parents nothing is told: they may. */
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

/** The process above this one and, where that is the shell of npx and the system shows it, the one above that. */
function parents() {
  const parent = process.ppid;
  try {
    const isShell = readFileSync(`/proc/${parent}/cmdline`, "utf8").split("\0")[1] === "-c";
    // "PID (NAME) STATE PARENT ...", where the name may hold anything.
    const [, above] = /.*\) \S+ (\d+)/s.exec(readFileSync(`/proc/${parent}/stat`, "utf8")) ?? [];
    return isShell ? `${parent} ${above}` : `${parent}`;
  } catch {
    return `${parent}`;
  }
}
