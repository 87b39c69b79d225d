// Names and texts from files never reach the terminal unescaped: no colours, no new lines, no reversed text.

import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { createOutput } from "../../src/cli/output.ts";
import { DDPMPipeline, DDPMScheduler } from "../../src/index.ts";
import { png } from "../data/support.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { failure, imago, imagoProcess, listen, type Said, said, workFolder } from "./support.ts";

const work = workFolder();
/** A name that would ring, colour, clear, begin a line and run backwards. */
const NAME = "a\x07\x1b[31m\x9b2J\nb\u202ec";
const SHOWN = "a\\u0007\\u001b[31m\\u009b2J\\u000ab\\u202ec";

let pipeline: string;
beforeAll(async () => {
  pipeline = work.path("pipeline");
  await new DDPMPipeline(tinyUNet(0, { numClassEmbeds: 2 }), new DDPMScheduler(), {
    id2label: [NAME],
  }).savePretrained(pipeline);
});

/** Whether everything said is text in lines. */
function expectText({ stdout, stderr }: Said): void {
  for (const said of [stdout, stderr]) {
    expect(said.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u);
  }
}

test("a broken JSON file", async () => {
  const broken = work.path("broken");
  await cp(pipeline, broken, { recursive: true });
  await writeFile(join(broken, "model_index.json"), `{"_class_name": \x1b]0;owned\x07\x9b31m}`);
  const result = await imagoProcess("sample", broken, "--out", work.path("none.png"));
  expectText(result);
  expect(result.code).toBe(2);
  expect(result.stderr).toMatch(/^imago: .*model_index\.json: this is not JSON text: .*\\u001b.*\n$/);
});

test("the names of classes, in words and in JSON", async () => {
  const drawing = ["sample", pipeline, "--count", "1", "--steps", "1", "--out", work.path("class.png")];
  const words = await imago(...drawing);
  expectText(words);
  expect(words.stdout).toContain(`\nclasses, in turn: ${SHOWN}\n`);
  const json = await said([...drawing, "--force", "--json"]);
  expectText(json);
  expect(JSON.parse(json.stdout).classes).toEqual([NAME]);
});

test.skipIf(process.platform === "win32")(
  "the names of files and of the folders that are labels",
  async () => {
    const folder = work.path("images");
    for (const [label, i] of [
      [NAME, 0],
      ["plain", 1],
    ] as const) {
      await mkdir(join(folder, label), { recursive: true });
      await writeFile(join(folder, label, "good.png"), await png([200 * i, 90, 20]));
    }
    await writeFile(join(folder, NAME, `${NAME}.png`), "no image");
    const words = await imago("data", "info", folder, "--size", "8");
    expectText(words);
    expect(words.stdout).toContain(`labels: 2 classes: ${SHOWN} 1, plain 1\n`);
    expect(words.stdout).toContain(`\n  ${SHOWN}/${SHOWN}.png (not an image)\n`);
    const preview = ["data", "preview", folder, "--size", "8", "--out", work.path("preview.png")];
    const warned = await said([...preview, "--skip-broken"]);
    expectText(warned);
    expect(warned.stderr).toContain("imago: warning: ");
    const { line } = await failure([...preview, "--force"]);
    expectText({ stdout: "", stderr: line });
    expect(line).toContain("1 of 3 files cannot be read");
  },
);

test("whatever is said beside the work, in a terminal too", async () => {
  const all: string[] = [];
  for (const json of [false, true]) {
    const { stdout, stderr } = await listen(async () => {
      const output = createOutput(json);
      output.status({ parts: [NAME] }, { force: true });
      output.begin(NAME);
      output.activity(NAME);
      output.line(NAME);
      output.warn(NAME);
      output.event({ [NAME]: "" });
    });
    expectText({ stdout, stderr });
    all.push(stdout, stderr);
  }
  expect(all).toEqual([
    `${SHOWN}\n`.repeat(3),
    `imago: warning: ${SHOWN}\n`,
    `${JSON.stringify({ [NAME]: "" })
      .replaceAll("\x9b", "\\u009b")
      .replaceAll("\u202e", "\\u202e")}\n`,
    `imago: warning: ${SHOWN}\n`,
  ]);
});
