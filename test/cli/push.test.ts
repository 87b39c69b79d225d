import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, test, vi } from "vitest";
import { DDPMPipeline } from "../../src/pipelines/ddpm_pipeline.ts";
import { TOKEN } from "../io/hub_server.ts";
import { filesOf, testHub } from "../support/hub.ts";
import { failure, said as saidHere, workFolder } from "./support.ts";

const hub = testHub();
const work = workFolder();
let run: string;
beforeAll(async () => {
  run = work.path("run");
  const tiny = [
    "--model",
    work.path("model.json"),
    "--steps",
    "6",
    "--batch-size",
    "4",
    "--warmup-steps",
    "1",
  ];
  await said(...["train", ...tiny, "--out", run, "--sample-steps", "2", "--sample-count", "4", "--json"]);
});

/** @returns what a command says to people or, with --json, to scripts */
const said = async (...args: string[]): Promise<string> => (await saidHere(args)).stdout;

const names = (id: string) => [...(hub.content(id)?.keys() ?? [])].sort();
const card = (id: string) => `${hub.content(id)?.get("README.md")}`;
const UPLOADED = [
  "README.md",
  "imago/config.json",
  "imago/metrics.jsonl",
  "loss.png",
  "model_index.json",
  "samples.png",
  "scheduler/scheduler_config.json",
  "unet/config.json",
  "unet/diffusion_pytorch_model.safetensors",
];

test("a dry run asks nothing of the network and writes what would be uploaded", async () => {
  const dry = work.path("dry");
  await said("push", run, "hf:tester/dry", "--dry-run", dry, "--license", "mit", "--json");
  const files = await filesOf(dry);
  expect(Object.keys(files).sort()).toEqual(UPLOADED);
  expect(hub.asked).toEqual([]);
  const readme = `${files["README.md"]}`;
  expect(readme).toMatch(
    /^---\nlicense: mit\nlibrary_name: diffusers\npipeline_tag: unconditional-image-generation\n/,
  );
  for (const text of [
    "npx imago sample hf:tester/dry --count 16",
    'DDPMPipeline.fromPretrained("tester/dry")',
    'DDPMPipeline.from_pretrained("tester/dry")',
    "pipeline(batch_size=4, num_inference_steps=50)",
    "| length | 6 steps of 4 images |",
    "| optimizer | Muon for hidden matrices, AdamW for the rest |",
    "![Images that the model drew](samples.png)",
  ]) {
    expect(readme).toContain(text);
  }
  expect(await sharp(join(dry, "loss.png")).metadata()).toMatchObject({
    format: "png",
    width: 1520,
    height: 800,
  });
  expect((await DDPMPipeline.fromPretrained(dry)).imageSize).toEqual({ height: 8, width: 8, channels: 3 });
  expect(await failure(["push", run, "hf:tester/dry", "--dry-run", dry])).toMatchObject({
    code: 2,
    line: expect.stringContaining("is not empty"),
  });
});

test("the card of a model of classes names them, and asks for some", async () => {
  const [classes, dry] = [work.path("classes"), work.path("dry-classes")];
  const tiny = [
    "--model",
    work.path("model.json"),
    "--steps",
    "1",
    "--batch-size",
    "2",
    "--sample-steps",
    "1",
  ];
  await said("train", ...tiny, "--class-conditional", "--sample-count", "2", "--out", classes, "--json");
  await said("push", classes, "hf:tester/classes", "--dry-run", dry, "--json");
  const readme = `${(await filesOf(dry))["README.md"]}`;
  for (const text of [
    "--class admiral,apollo --guidance 2 --out new.png",
    "It draws of 19 classes: admiral, apollo, ",
    'classLabels: ["admiral","apollo"], guidanceScale: 2',
    "pipeline.unet(x, t, class_labels=labels)",
  ]) {
    expect(readme).toContain(text);
  }

  // Names that would be more than names, in the text and in the shell.
  const file = join(classes, "config.json");
  const config = JSON.parse(await readFile(file, "utf8"));
  config.preset = "a\n\x1b[31mb";
  config.data.classes.splice(0, 2, "c\u202e", "$(touch d)");
  await writeFile(file, JSON.stringify(config));
  const stdout = await said("push", classes, "hf:tester/classes", "--dry-run");
  for (const line of [
    "| preset | a\\u000a\\u001b[31mb |",
    "It draws of 19 classes: c\\u202e, $(touch d), azure",
    "npx imago sample hf:tester/classes --count 16 --class 'c\\u202e,$(touch d)' --guidance 2 --out new.png",
  ]) {
    expect(`\n${stdout}`).toContain(`\n${line}`);
  }
  expect(stdout.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
});

test("the card says where the data are from, but not where they lie on this machine", async () => {
  const copy = work.path("elsewhere");
  const dry = work.path("elsewhere-dry");
  await mkdir(copy);
  const files = await filesOf(run);
  for (const [path, data] of Object.entries(files)) {
    if (path.startsWith("checkpoints/")) continue;
    await mkdir(join(copy, path, ".."), { recursive: true });
    await writeFile(join(copy, path), data);
  }
  for (const [source, words, datasets] of [
    ["/home/me/secret/wings", "1,000 images, read as 8 x 8 pixels, from files of the author.", undefined],
    [
      "hf:huggan/wings@v2",
      "[huggan/wings](https://huggingface.co/datasets/huggan/wings) (revision v2): 1,000 images",
      "- huggan/wings",
    ],
  ] as const) {
    const config = JSON.parse(`${files["config.json"]}`);
    await writeFile(
      join(copy, "config.json"),
      JSON.stringify({ ...config, data: { ...config.data, source } }),
    );
    await rm(join(copy, "samples.png"), { force: true });
    await said("push", copy, "hf:tester/dry", "--dry-run", dry, "--force", "--json");
    const readme = await readFile(join(dry, "README.md"), "utf8");
    expect(readme).toContain(words);
    expect(readme).not.toMatch(/secret|license:|samples\.png/);
    if (datasets !== undefined) expect(readme).toContain(`datasets:\n${datasets}\n---`);
    expect(await readFile(join(dry, "imago", "config.json"), "utf8")).not.toContain("/home");
  }
});

test("a push makes the repository, and what is in it is loaded again; a second one says what it replaces", async () => {
  vi.stubEnv("HF_TOKEN", TOKEN);
  const pushed = await said("push", run, "hf:tester/butterflies", "--private");
  expect(pushed).toContain(`9 files in the new repository ${hub.endpoint}/tester/butterflies\n`);
  expect(pushed).toContain("imago sample hf:tester/butterflies");
  expect(names("tester/butterflies")).toEqual(UPLOADED);
  expect(hub.isPrivate("tester/butterflies")).toBe(true);
  expect(hub.summaries).toEqual(["Upload with imago 0.1.0"]);
  const weights = "unet/diffusion_pytorch_model.safetensors";
  expect(hub.content("tester/butterflies")?.get(weights)).toEqual(
    await readFile(join(run, "pipeline", weights)),
  );
  expect(hub.paths.filter((path) => path.startsWith("PUT /lfs/")).length).toBeGreaterThan(0);

  const out = work.path("new.png");
  const drawn = await said("sample", "hf:tester/butterflies", "--count", "1", "--steps", "2", "--out", out);
  expect(drawn).toContain("downloading hf:tester/butterflies");
  const local = work.path("local.png");
  await said("sample", run, "--count", "1", "--steps", "2", "--out", local);
  expect(await readFile(out)).toEqual(await readFile(local));

  hub.forget();
  const stale = "unet/diffusion_pytorch_model.safetensors.index.json";
  hub.add("tester/butterflies", { [stale]: "{}", "notes.txt": "mine" });
  const again = await said("push", run, "hf:tester/butterflies", "--message", "Second", "--json");
  expect(JSON.parse(again)).toMatchObject({
    event: "pushed",
    created: false,
    added: [],
    replaced: [],
    removed: [stale],
  });
  expect(hub.summaries.at(-1)).toBe("Second");
  expect(names("tester/butterflies")).toEqual([...UPLOADED, "notes.txt"].sort());
  expect(hub.paths.filter((path) => path.startsWith("PUT "))).toEqual([]);

  const [before] = hub.summaries.slice(-1);
  expect(await said("push", run, "hf:tester/butterflies")).toContain("0 files new or changed");
  await said("push", run, "hf:tester/butterflies", "--license", "mit", "--message", "Third");
  expect([before, ...hub.summaries.slice(-2)]).toEqual(["Second", "Second", "Third"]);
  vi.stubEnv("HF_TOKEN", "");
});

test("a card written by hand stays, unless it may be replaced", async () => {
  vi.stubEnv("HF_TOKEN", TOKEN);
  hub.add("tester/handmade", { "README.md": "# My own words" });
  expect(await failure(["push", run, "hf:tester/handmade"])).toEqual({
    code: 2,
    line: "hf:tester/handmade: its README.md was not written by imago push; add --force to replace it (the history keeps it), or choose another name",
  });
  expect(card("tester/handmade")).toBe("# My own words");
  await said("push", run, "hf:tester/handmade", "--force", "--json");
  expect(card("tester/handmade")).toContain("<!-- written by imago push -->");
  vi.stubEnv("HF_TOKEN", "");
});

test("what is wrong is said in one line", async () => {
  const refusal = async (...args: string[]) => (await failure(["push", ...args])).line;
  expect(await refusal(work.path("none"), "hf:tester/x")).toContain("holds no run (it has no config.json)");
  expect(await refusal(run, "tester/x")).toContain("expected hf:OWNER/NAME");
  expect(await refusal(run, "hf:tester/x@v2")).toContain("a push goes to the main branch; leave out @v2");
  expect(await refusal(run, "hf:tester/x", "--license", "My: own")).toContain(
    "expected a name such as apache-2.0",
  );
  expect(await refusal(run, "hf:tester/x")).toContain(
    `pushing needs an access token; make one with write access at ${hub.endpoint}/settings/tokens and set HF_TOKEN to it`,
  );
  vi.stubEnv("HF_TOKEN", "hf_wrong");
  expect(await failure(["push", run, "hf:tester/x"])).toMatchObject({
    code: 2,
    line: expect.stringContaining("the token from HF_TOKEN is not accepted"),
  });
  vi.stubEnv("HF_TOKEN", TOKEN);
  expect(await refusal(run, "hf:somebody/x")).toContain("this is not permitted (You don't have the rights");
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  expect(await refusal(run, "hf:tester/x")).toContain("HF_HUB_OFFLINE is set; unset it to push");
  vi.stubEnv("HF_HUB_OFFLINE", "");
  vi.stubEnv("HF_TOKEN", "");
  expect(hub.content("tester/x")).toBeUndefined();
  const missing = await failure(["sample", "no/folder", "--out", work.path("no.png")]);
  expect(missing).toEqual({
    code: 2,
    line: "no/folder: no such folder; check the path, or write hf:no/folder for a model of the Hugging Face Hub",
  });
});
