// A process that hangs ends all the same.

import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { foreign } from "../../src/platform/node/foreign.ts";

const opened = foreign.open();
const describeForeign = typeof opened === "string" ? describe.skip : describe;
const name = typeof opened === "string" ? ` (skipped: ${opened})` : "";

/** Runs a script that has `lastWords`. */
function run(script: string) {
  const [calls, words] = ["platform/node/foreign.ts", "distributed/mpi/last_words.ts"].map((file) =>
    JSON.stringify(new URL(`../../src/${file}`, import.meta.url)),
  );
  const head = `const { foreign } = await import(${calls}); const { LastWords } = await import(${words});
const lastWords = new LastWords(foreign.open(), undefined);`;
  const args = ["--input-type=module", "-e", `${head}\n${script}`];
  return spawnSync(process.execPath, args, { encoding: "utf8", timeout: 60_000 });
}

describeForeign(`last words${name}`, () => {
  test("are written at once", () => {
    const { stderr, signal } = run('lastWords.say("the end\\u2026"); lastWords.end(); for (;;);');
    expect({ stderr, signal }).toEqual({ stderr: "imago: the end\u2026\n", signal: "SIGKILL" });
  });

  test("an endless loop ends when its time is over", () => {
    expect(run("lastWords.endIn(1); for (;;);").signal).toBe("SIGALRM");
  });

  test("and does not if it is called off", () => {
    const { status } = run(
      "lastWords.endIn(1); lastWords.endIn(0); setTimeout(() => process.exit(3), 1500);",
    );
    expect(status).toBe(3);
  });
});
