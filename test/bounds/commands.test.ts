// With any arguments the command succeeds or reports an error in one line, never "internal error".

import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Command, Option } from "commander";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SCHEDULER_NAMES } from "../../src/cli/drawing_flags.ts";
import { createProgram } from "../../src/cli/program.ts";
import { writeImage } from "../../src/io/image/index.ts";
import { fixture } from "../data/support.ts";
import { bmp } from "../io/bmp_writer.ts";
import { HubServer, TOKEN } from "../io/hub_server.ts";
import { npy } from "../io/npy_writer.ts";
import { tar } from "../io/tar_writer.ts";
import { zip } from "../io/zip_writer.ts";
import { fixture as goldenFixture } from "../support/golden.ts";
import { filesOf } from "../support/hub.ts";
import { TINY_UNET } from "../support/tiny_unet.ts";
import { ended, judge } from "./command.ts";
import { type Damage, damage } from "./damage.ts";
import { fuzzed } from "./odd_values.ts";

const TRAIN = [
  ...["train", "--model", "model.json", "--data", "images", "--size", "8", "--batch-size", "2"],
  ...["--sample-steps", "1", "--sample-count", "1", "--backend", "reference", "--lr-schedule", "constant"],
];

const home = process.cwd();
let work = "";
beforeAll(async () => {
  work = await realpath(await mkdtemp(join(tmpdir(), "imago-bounds-")));
  process.chdir(work);
  vi.stubEnv("IMAGO_CACHE", join(work, "cache"));
  vi.stubEnv("HF_HOME", join(work, "hub"));
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  await writeFile("model.json", JSON.stringify(TINY_UNET));
  for (const [i, name] of ["a/1.png", "a/2.png", "b/3.png", "b/4.jpg"].entries()) {
    await mkdir(dirname(join("images", name)), { recursive: true });
    const data = Uint8Array.from({ length: 9 * 8 * 3 }, (_, k) => (k * (i + 7) * 31) % 256);
    await writeImage(join("images", name), { data, width: 9, height: 8, channels: 3 });
  }
  await writeFile("images/metadata.csv", "file_name,label\na/1.png,x\na/2.png,y\nb/3.png,x\nb/4.jpg,y\n");
  const made = await ended([...TRAIN, "--steps", "2", "--class-conditional", "--out", "run"]);
  expect(made).toEqual({ code: 0, line: "" });
});
afterAll(async () => {
  process.chdir(home);
  vi.unstubAllEnvs();
  await rm(work, { recursive: true, force: true });
});

/** Texts that an option may be given. None of them names anything outside of the working folder. */
const TEXTS: readonly string[] = [
  ...["", " ", "-1", "0", "1", "2", "0.5", "1e-300", "1e300", "-1e300", "1e25", "NaN", "Infinity", "0x10"],
  ...["9007199254740991", "9007199254740993", "1e999", "null", "true", "[", "{}", "a=b", "rho=1e300", "1,2"],
  ...["eta=1", 'trained_betas=["x"]', "num_train_timesteps=1e9", `x=${"[".repeat(50_000)}`, "beta_end=1"],
  ...["use_karras_sigmas=true", "solver_order=9", "shift=1e300", "sigma_max=1e300", "__proto__=1"],
  ...["beta_schedule=laplace", "clip_sample=false", "thresholding=true", "steps_offset=1"],
  ...["a\nb", "\u001b[2J", "x".repeat(5000), `${"x".repeat(300)}.png`, "ü\ud800.png"],
  ...["run", "images", "model.json", "images/a/1.png", "images/b/4.jpg", "none", "none/x.png", "x.png"],
  ...["*", "hf:", "hf:a/b", "hf:a/b@c", "hf:../..", "synthetic", "test", "train", "label", "x", "y"],
  ...["wasm", "reference", "torch", "fp16", "pytorch-fid", "cosine", "exp", "sigmoid", "v_prediction"],
  ...["sample", "flow_prediction", "logit-normal", "loss-second-moment", "quick", ...SCHEDULER_NAMES],
];
const oddText = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...TEXTS) },
  // No process is given a NUL.
  fc.string({ unit: "binary", maxLength: 10 }).filter((text) => !/[./\\\0]/.test(text)),
  fc.integer().map(String),
);

/** Those texts that an option takes at first sight. */
function taken({ parseArg }: Option): string[] {
  return TEXTS.filter((text) => {
    try {
      parseArg?.(text, undefined);
      return true;
    } catch {
      return false;
    }
  });
}

/** Options of a command that are of use here, each with an odd value or, for a flag, none. */
function oddOptions(command: Command): fc.Arbitrary<string[]> {
  // A longer run is no odd one, and many threads, or features for an evaluation, take their time.
  const left = ["--help", "--version", "--steps", "--epochs", "--threads", "--eval-every"];
  const known = command.options.filter(({ long }) => long && !left.includes(long));
  const one = fc.constantFrom(...known).chain((option): fc.Arbitrary<string[]> => {
    const name = option.long ?? "";
    if (!option.required && !option.optional) return fc.constant<string[]>([name]);
    const [first, ...others] = taken(option);
    const text =
      first === undefined
        ? oddText
        : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(first, ...others) }, oddText);
    return text.map((value) => [name, value]);
  });
  return fc.array(one, { minLength: 1, maxLength: 3 }).map((options) => options.flat());
}

/** Every command that does something, such as "data info". */
function commandNames(command = createProgram(), before = ""): string[] {
  return command.commands.flatMap((sub) => {
    const name = `${before}${sub.name()}`;
    return sub.commands.length === 0 ? [name] : commandNames(sub, `${name} `);
  });
}

function commandAt(...names: string[]): Command {
  return names.reduce((command, name) => {
    const found = command.commands.find((sub) => sub.name() === name);
    if (found === undefined) throw new Error(`there is no command ${names.join(" ")}`);
    return found;
  }, createProgram());
}

describe("options with odd values", () => {
  const quick = ["--steps", "1", "--backend", "reference", "--count"];
  const cases: readonly [name: string, args: readonly string[], runs: number][] = [
    ["train", [...TRAIN, "--steps", "1"], 60],
    ["sample", ["sample", "run", ...quick, "1", "--out", "new.png", "--force"], 100],
    ["eval", ["eval", "run", "--steps", "1", "--threads", "1", "--count", "2", "--force"], 3],
    ["push", ["push", "run", "hf:me/model", "--dry-run"], 15],
    ["data info", ["data", "info", "images", "--size", "8"], 25],
    ["data preview", ["data", "preview", "images", "--size", "8", "--force"], 25],
    ["data cache", ["data", "cache"], 5],
  ];
  test("of every command that does not measure the machine, or serve until it is interrupted", () => {
    const named = [...cases.map(([name]) => name), "bench", "studio"];
    expect(named.sort()).toEqual(commandNames().sort());
  });

  test.each(cases)("%s", async (name, args, runs) => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(oddOptions(commandAt(...name.split(" "))), async (options) => {
        const own = name === "train" ? ["--out", `runs/${run++}`] : [];
        await judge([...args, ...own, ...options]);
      }),
      fuzzed(runs),
    );
  });

  test("sample, with a prompt", async () => {
    const model = goldenFixture("stable_diffusion/pipeline");
    const args = ["sample", model, ...quick, "1", "--prompt", "x", "--out", "new.png", "--force"];
    await fc.assert(
      fc.asyncProperty(oddOptions(commandAt("sample")), (options) => judge([...args, ...options])),
      fuzzed(30),
    );
  });

  test("more images at a time than any memory holds", async () => {
    for (const command of [
      ["train", "--out", "never"],
      ["bench", "train"],
      ["bench", "sample"],
    ]) {
      for (const size of ["16777217", "9007199254740991"]) {
        expect(await ended([...command, "--batch-size", size])).toEqual({
          code: 2,
          line: `--batch-size is "${size}"; expected a whole number from 1 to 16777216`,
        });
      }
    }
  });

  test("arguments", async () => {
    const args = fc.tuple(
      fc.constantFrom(...commandNames().filter((name) => name !== "studio"), "data", "help"),
      fc.array(oddText, { maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(args, async ([name, texts]) => {
        // Training begins without any argument.
        const given = name === "train" ? ["--out", "run", ...texts] : texts;
        await judge([...name.split(" "), ...given]);
      }),
      fuzzed(60),
    );
  });
});

describe("damaged files", () => {
  /** Every file of a folder. */
  const filesIn = async (folder: string) =>
    (await readdir(folder, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  /** Damages a file, judges commands, and puts the file back as it was. */
  async function damaged(
    file: string,
    change: Damage,
    commands: readonly (readonly string[])[],
  ): Promise<void> {
    const sound = await readFile(file);
    await writeFile(file, change(sound));
    try {
      for (const args of commands) await judge(args);
    } finally {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, sound);
    }
  }

  test("of a run", async () => {
    const quick = ["--steps", "1", "--backend", "reference"];
    const commands = [
      ["sample", "run", ...quick, "--count", "1", "--out", "drawn.png", "--force"],
      ["push", "run", "hf:me/model", "--dry-run", "rehearsed", "--force"],
      ["sample", "run", ...quick, "--count", "1", "--checkpoint", "2", "--out", "drawn.png", "--force"],
    ];
    const files = await filesIn("run");
    const command = fc.constantFrom(...commands);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), damage, command, (file, change, args) =>
        damaged(file, change, [args]),
      ),
      fuzzed(60),
    );
  });

  test("of a run that is resumed", async () => {
    const files = await filesIn("run");
    let copy = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), damage, async (file, change) => {
        const folder = `resumed/${copy++}`;
        await cp("run", folder, { recursive: true });
        const target = join(folder, file.slice("run/".length));
        await writeFile(target, change(await readFile(target)));
        await judge(["train", "--out", folder, "--resume", "--steps", "3"]);
      }),
      fuzzed(30),
    );
  });

  test("of images", async () => {
    const images = await Promise.all(
      (await filesIn("images")).map(async (file) => ({ name: file, content: await readFile(file) })),
    );
    await writeFile("images.zip", zip(images));
    await writeFile("images.tar", tar(images));
    const classes = images.map(({ name }) => ({ name: name.replace(/\.\w+$/, ".cls"), content: "1" }));
    await writeFile("samples.tar", tar([...images, ...classes]));
    const body = Buffer.alloc(2 * 8 * 9 * 3, 77);
    const bytes = npy({ shape: [2, 8, 9, 3], body });
    const halves = npy({
      descr: "<f2",
      shape: [2, 3, 8, 9],
      fortran: true,
      body: Buffer.alloc(2 * body.length, 53),
    });
    await writeFile("images.npy", halves);
    const labels = npy({ shape: [2], body: Buffer.from([3, 4]) });
    const arrays = [
      { name: "x.npy", content: bytes },
      { name: "y.npy", content: labels, stored: true },
    ];
    await writeFile("images.npz", zip(arrays));
    await mkdir("bitmaps");
    await writeFile("bitmaps/1.bmp", bmp({ width: 9, height: 8, bits: 24, body: Buffer.alloc(28 * 8, 90) }));
    const runs = {
      compression: 1,
      palette: [0, 0, 0, 200, 3, 90],
      body: [9, 1, 0, 0, 0, 3, 1, 0, 1, 0, 0, 1],
    };
    await writeFile("bitmaps/2.bmp", bmp({ width: 9, height: 8, bits: 8, ...runs }));
    const made = ["images.zip", "images.tar", "samples.tar", "images.npy", "images.npz"];
    for (const name of [...made, "bitmaps"]) {
      expect(await ended(["data", "preview", name, "--size", "8", "--force"])).toEqual({ code: 0, line: "" });
    }
    await writeFile("list.txt", images.map(({ name }) => `${name}\n`).join(""));
    await writeFile("images/b/metadata.jsonl", '{"file_name": "3.png", "label": "z"}\n');
    const parquet = ["hugging_face", "plain_snappy", "plain_zstd", "plain_lz4", "gaps"];
    for (const name of parquet) await cp(fixture(name), `${name}.parquet`);
    const sources: [file: string, source: string][] = [
      ...(await filesIn("images")).map((file): [string, string] => [file, "images"]),
      ...made.map((file): [string, string] => [file, file]),
      ...["bitmaps/1.bmp", "bitmaps/2.bmp"].map((file): [string, string] => [file, "bitmaps"]),
      ["list.txt", "list.txt"],
      ...parquet.map((name): [string, string] => [`${name}.parquet`, `${name}.parquet`]),
    ];
    const what = fc.constantFrom(["info"], ["info", "--skip-broken"], ["preview", "--force"]);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...sources), damage, what, ([file, source], change, [verb, ...more]) =>
        damaged(file, change, [["data", verb, source, "--size", "8", ...more]]),
      ),
      fuzzed(200),
    );
  });

  test("of a model, an image and a mask", async () => {
    await cp("images/a/1.png", "mask.png");
    await cp("images/a/2.png", "given.png");
    const repaint = ["--image", "given.png", "--mask", "mask.png", "--steps", "1", "--count", "1"];
    const cases: [file: string, args: readonly string[]][] = [
      ["model.json", [...TRAIN, "--steps", "1", "--out", "run"]],
      ["mask.png", ["sample", "run", ...repaint, "--backend", "reference", "--out", "m.png", "--force"]],
      ["given.png", ["sample", "run", ...repaint, "--backend", "reference", "--out", "m.png", "--force"]],
    ];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...cases), damage, ([file, args], change) =>
        damaged(file, change, [args]),
      ),
      fuzzed(30),
    );
  });
});

test("a Hub that answers with something else", async () => {
  const hub = new HubServer();
  await hub.start();
  const pipeline = await filesOf("run/pipeline");
  hub.add("me/model", pipeline);
  hub.add("me/images", await filesOf("images"), { kind: "dataset" });
  hub.add("tester/mine", { ...pipeline, "README.md": Buffer.from("by hand") });
  /** Which of the requests gets another answer, and which. */
  let odd: { at: number; change: Damage } = { at: 0, change: (bytes) => bytes };
  let asked = 0;
  const proxy = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const { method = "GET", url = "", headers } = request;
    const answer = await fetch(`${hub.endpoint}${url}`, {
      method,
      headers: { authorization: headers.authorization ?? "" },
      redirect: "manual",
      ...(method === "POST" && { body: Buffer.concat(parts) }),
    });
    const body = Buffer.from(await answer.arrayBuffer());
    for (const name of ["content-type", "link", "location", "etag", "x-error-code"]) {
      const value = answer.headers.get(name);
      if (value !== null) response.setHeader(name, value.replaceAll(hub.endpoint, endpoint));
    }
    response.writeHead(answer.status).end(asked++ === odd.at ? odd.change(body) : body);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  const endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  vi.stubEnv("HF_HUB_OFFLINE", "");
  vi.stubEnv("HF_ENDPOINT", endpoint);
  vi.stubEnv("HF_TOKEN", TOKEN);
  const commands = [
    ["sample", "hf:me/model", "--count", "1", "--steps", "1", "--backend", "reference", "--force"],
    ["data", "info", "hf:me/images", "--size", "8"],
    ["eval", "images", "--data", "images", "--inception", "hf:me/model"],
    ["push", "run", "hf:tester/mine", "--force"],
    ["push", "run", "hf:tester/mine"],
  ];
  try {
    const [model, images] = [commands[0] ?? [], commands[1] ?? []];
    for (const args of [model, images]) expect(await ended(args)).toEqual({ code: 0, line: "" });
    await fc.assert(
      fc.asyncProperty(fc.nat(8), damage, fc.constantFrom(...commands), async (at, change, args) => {
        [odd, asked] = [{ at, change }, 0];
        await rm("hub", { recursive: true, force: true });
        await judge(args);
      }),
      fuzzed(40),
    );
  } finally {
    proxy.closeAllConnections();
    proxy.close();
    await hub.stop();
  }
});
