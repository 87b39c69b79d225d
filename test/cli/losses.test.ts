// The command after the loss of its terminal, its parent process or its standard output.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { finished, trainerOf, workFolder } from "./support.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PINNED = `${ROOT}node_modules/node/bin/node`;
const FLAGS = ["--disable-warning=ExperimentalWarning"];
const BIN = `${ROOT}bin/imago.js`;
const MAIN = `${ROOT}src/cli/main.ts`;

const hasScript = `${spawnSync("script", ["--version"]).stdout}`.includes("util-linux");
const hasFull = existsSync("/dev/full");
const isUnix = process.platform !== "win32";

const work = workFolder();
const run = () => work.path("run");
/** The command as the published package runs it: in the process that was started. */
const packed = () => `'${PINNED}' ${FLAGS.join(" ")} '${work.path("packed/bin/imago.js")}'`;
const wrapped = `'${process.execPath}' '${BIN}'`;

beforeAll(async () => {
  for (const folder of ["packed/bin", "packed/dist/cli"]) await mkdir(work.path(folder), { recursive: true });
  await writeFile(work.path("packed/package.json"), '{"type":"module"}');
  for (const file of ["imago.js", "parents.js"]) {
    await copyFile(`${ROOT}bin/${file}`, work.path(`packed/bin/${file}`));
  }
  const main = JSON.stringify(pathToFileURL(MAIN).href);
  await writeFile(work.path("packed/dist/cli/main.js"), `await import(${main});`);
});

/** Each way to lose something goes on with the run that the one before left. */
function training(...more: string[]): string {
  const options = existsSync(`${run()}/config.json`)
    ? ["--resume"]
    : [
        ...["--model", work.path("model.json"), "--batch-size", "16", "--threads", "1", "--steps", "1000000"],
        ...["--sample-every", "0", "--checkpoint-every", "1000000"],
      ];
  return ["train", "--out", run(), ...options, ...more].map((arg) => `'${arg}'`).join(" ");
}

function shell(command: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const stdio = ["ignore", "pipe", "pipe"] as const;
  return spawn("sh", ["-c", command], { cwd: ROOT, env: { ...process.env, ...env }, stdio: [...stdio] });
}

/** A shell in a terminal of its own: the terminal is closed when the process that is given back is killed. */
function inTerminal(command: string, TERM: string): ChildProcess {
  const env = { ...process.env, TERM };
  return spawn("script", ["-qfec", command, "/dev/null"], { env, stdio: ["ignore", "pipe", "ignore"] });
}

const metrics = async (): Promise<string[]> =>
  (await readFile(`${run()}/metrics.jsonl`, "utf8").catch(() => "")).split("\n").slice(0, -1);
const checkpoints = () => readdir(`${run()}/checkpoints`).catch((): string[] => []);
const soon = { timeout: 60_000, interval: 20 };

/** Waits until a few more steps are done. @returns the process that does them */
async function underWay(): Promise<number> {
  const before = (await metrics()).length;
  await vi.waitUntil(async () => (await metrics()).length > before + 3, soon);
  return trainerOf(run());
}

/** Waits until the run's folder is left as after Ctrl-C: a checkpoint of the last step, and no lock. */
async function saved(before: readonly string[]): Promise<void> {
  await vi.waitUntil(async () => !(await readdir(run())).includes(".lock"), soon);
  const { step } = JSON.parse((await metrics()).at(-1) ?? "");
  const last = `step-${String(step).padStart(6, "0")}`;
  expect(before).not.toContain(last);
  expect((await checkpoints()).at(-1)).toBe(last);
}

const alive = new Set<number>();
afterAll(() => {
  for (const pid of alive) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  }
});

test.skipIf(!hasScript).each([
  { from: "a checkout", json: false, term: "xterm", shell: "ends" },
  { from: "a checkout", json: true, term: "xterm", shell: "ends" },
  { from: "the package", json: false, term: "dumb", shell: "ends" },
  { from: "the package", json: true, term: "xterm", shell: "stays" },
])(
  "the terminal is closed: a checkpoint, as after Ctrl-C (from $from, --json $json, its shell $shell)",
  async (given) => {
    const { from, json, term } = given;
    const before = await checkpoints();
    const code = work.path("code");
    await rm(code, { force: true });
    const command = `${from === "the package" ? packed() : wrapped} ${training(...(json ? ["--json"] : []))}`;
    // A shell that outlives the terminal says how the command ended. Where it is the first of the terminal, the system
    // sends nobody else a SIGHUP: only what is written fails.
    const inner = `trap : HUP; ${command}; echo $? > '${code}'`;
    const terminal = inTerminal(given.shell === "stays" ? inner : `(${inner}); :`, term);
    const said = finished(terminal);
    alive.add(await underWay());
    terminal.kill("SIGKILL");
    await saved(before);
    await vi.waitUntil(async () => (await readFile(code, "utf8").catch(() => "")) !== "", soon);
    expect(await readFile(code, "utf8")).toBe("130\n");
    // Only a terminal that knows them gets control codes.
    const { stdout } = await said;
    expect(stdout).toContain(json ? '"event":"step"' : "training a model");
    expect(stdout.includes("\x1b")).toBe(!json && term !== "dumb");
  },
);

test.skipIf(!isUnix)("the process that started the command is killed: a checkpoint", async () => {
  const before = await checkpoints();
  const child = shell(`exec ${wrapped} ${training("--json")}`);
  const said = finished(child);
  alive.add(await underWay());
  child.kill("SIGKILL");
  await saved(before);
  expect((await said).stderr).toMatch(/^imago: stopped after step \d+; go on with: .* --resume\n$/);
});

test.skipIf(!isUnix).each(["SIGKILL", "SIGTERM"] as const)(
  "npx is ended by %s: a checkpoint",
  async (signal) => {
    const before = await checkpoints();
    const child = shell(`exec npx imago ${training("--json")}`, { npm_config_offline: "true" });
    const said = finished(child);
    alive.add(await underWay());
    child.kill(signal);
    await saved(before);
    expect((await said).stderr).toMatch(
      /^imago: stopped after step \d+; go on with: npx imago .* --resume$/m,
    );
  },
);

test.skipIf(!hasFull).each([
  ["a full disk", "> /dev/full", [], "the disk is full", "ENOSPC"],
  ["a full disk, with --json", "> /dev/full", ["--json"], "the disk is full", "ENOSPC"],
  ["a file that grows too large", ">> big", ["--json"], "the file is larger than", "EFBIG"],
] as const)("standard output goes to %s: one line, and a checkpoint", async (_, to, more, problem, code) => {
  const before = await checkpoints();
  const big = work.path("big");
  await writeFile(big, Buffer.alloc(4096 * 512 - 1000));
  const command = `ulimit -f 4096; ${wrapped} ${training(...more)} ${to.replace("big", `'${big}'`)}`;
  const child = shell(command);
  const { code: exit, stderr } = await finished(child);
  expect(stderr).toMatch(
    new RegExp(
      `^imago: standard output: cannot write to it: ${problem}.*\\(${code}\\); stopped after step \\d+; go on with: .* --resume\\n$`,
    ),
  );
  expect(exit).toBe(1);
  await saved(before);
});

test.skipIf(!hasFull)("no command ends in a stack trace where its streams are dead", async () => {
  const direct = `'${PINNED}' ${FLAGS.join(" ")} '${MAIN}'`;
  const image = work.path("drawn.png");
  const commands = [
    "--help",
    "data info synthetic --json",
    "bench ops",
    `sample '${run()}' --count 1 --steps 2 --out '${image}'`,
    `push '${run()}' hf:me/model --dry-run`,
  ];
  const ended = await Promise.all(
    commands.map((command) => finished(shell(`${direct} ${command} > /dev/full`))),
  );
  for (const [i, { code, stderr }] of ended.entries()) {
    expect(stderr, commands[i]).toMatch(/^imago: standard output: cannot write to it: .*\(ENOSPC\).*\n$/);
    expect(code, commands[i]).toBe(1);
  }
  const both = await finished(shell(`${direct} data info missing > /dev/full 2> /dev/full`));
  expect(both).toEqual({ code: 2, stdout: "", stderr: "" });
});

test.skipIf(!isUnix)("a loss is never the second press; a second Ctrl-C still is", async () => {
  const script = `
    import { onInterrupt } from ${JSON.stringify(pathToFileURL(`${ROOT}src/cli/interrupt.ts`).href)};
    onInterrupt(() => console.log("stopping"));
    process.on("SIGUSR2", () => console.log("alive"));
    setInterval(() => {}, 1000);
    console.log("ready");
  `;
  const child = spawn(PINNED, [...FLAGS, "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = finished(child);
  let said = "";
  child.stdout.on("data", (text) => {
    said += text;
  });
  const saying = (text: string) => vi.waitUntil(() => said.endsWith(text), soon);
  await saying("ready\n");
  child.kill("SIGHUP");
  await saying("stopping\n");
  // Later than what counts as one press.
  await new Promise((later) => setTimeout(later, 450));
  child.kill("SIGHUP");
  child.kill("SIGTERM");
  child.kill("SIGUSR2");
  await saying("alive\n");
  const again = setInterval(() => child.kill("SIGTERM"), 450);
  expect(await ended).toMatchObject({ code: 130, stdout: "ready\nstopping\nalive\n" });
  clearInterval(again);
});
