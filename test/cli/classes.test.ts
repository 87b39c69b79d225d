// imago train --class-conditional, and imago sample of classes.

import { readFile, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { DDPMPipeline, DDPMScheduler } from "../../src/index.ts";
import { tinyUNet } from "../pipelines/support.ts";
import { contents, failure, imago, said, workFolder } from "./support.ts";

const work = workFolder();
const tiny = (out: string, ...more: string[]) => [
  ...[
    "train",
    "--model",
    work.path("model.json"),
    "--out",
    work.path(out),
    "--batch-size",
    "4",
    "--steps",
    "6",
  ],
  ...[
    "--lr-schedule",
    "constant",
    "--warmup-steps",
    "0",
    "--sample-steps",
    "2",
    "--sample-count",
    "4",
    ...more,
  ],
];

let pipeline: string;
beforeAll(async () => {
  pipeline = work.path("pipeline");
  const id2label = ["azure", "orange-tip, flambé", "tiger"];
  await new DDPMPipeline(tinyUNet(0, { numClassEmbeds: 4 }), new DDPMScheduler(), {
    id2label,
  }).savePretrained(pipeline);
});

test("a run learns the classes of its images, says so, and is resumed to the same bytes", async () => {
  const whole = await imago(...tiny("whole", "--class-conditional", "--threads", "1"));
  expect(whole).toMatchObject({ code: 0, stderr: "" });
  expect(whole.stdout).toContain("\n19 classes: admiral, apollo, azure, ");
  expect(whole.stdout).toContain(" and 11 more\n");
  expect(whole.stdout).toMatch(/draw more: imago sample .* --class admiral --guidance 2 /);
  const { data, model, training } = JSON.parse(await readFile(work.path("whole/config.json"), "utf8"));
  expect(data.classes).toHaveLength(19);
  expect(model.num_class_embeds).toBe(20);
  expect(training.label_dropout).toBe(0.1);

  expect((await imago(...tiny("short", "--class-conditional", "--steps", "3"))).code).toBe(0);
  const rest = await imago("train", "--out", work.path("short"), "--resume", "--steps", "6", "--json");
  expect(rest).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(rest.stdout.split("\n")[0])).toMatchObject({ event: "start", label_dropout: 0.1 });
  const [a, b] = [await contents(work.path("whole")), await contents(work.path("short"))];
  for (const file of ["samples.png", "config.json", "checkpoints/step-000006/optimizer.safetensors"]) {
    expect(b.get(file), file).toBe(a.get(file));
  }
});

test("without it the labels are not used, which is said once", async () => {
  const { stdout } = await imago(...tiny("plain"));
  expect(stdout.match(/the images are of 19 classes, which are not used; --class-conditional/g)).toHaveLength(
    1,
  );
  const { data, model, training } = JSON.parse(await readFile(work.path("plain/config.json"), "utf8"));
  expect([data.classes, model.num_class_embeds, training.label_dropout]).toEqual([undefined, null, 0]);
});

test("images of classes in turn, a class to a column; the same in any batch", async () => {
  const draw = (out: string, ...more: string[]) =>
    imago(
      ...["sample", pipeline, "--count", "6", "--steps", "2", "--class", "tiger, flambé,azure"],
      ...["--guidance", "2.5", "--guidance-rescale", "0.7", "--out", work.path(out), ...more],
    );
  const { code, stdout, stderr } = await draw("a.png", "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const names = ["tiger", "orange-tip, flambé", "azure"];
  expect(JSON.parse(stdout)).toMatchObject({
    event: "done",
    guidance: 2.5,
    guidance_rescale: 0.7,
    classes: [...names, ...names],
  });
  const tile = 8 * 16 + 4;
  const { width, height } = await sharp(work.path("a.png")).metadata();
  expect([width, height]).toEqual([3 * tile + 4, 2 * tile + 4]);
  expect((await draw("b.png", "--batch-size", "2")).stdout).toContain(
    "classes, in turn: tiger, orange-tip, ",
  );
  expect(await readFile(work.path("b.png"))).toEqual(await readFile(work.path("a.png")));
  // A name with a comma in it is a name first.
  const whole = [
    "sample",
    pipeline,
    "--count",
    "1",
    "--steps",
    "1",
    "--class",
    "orange-tip, flambé",
    "--json",
  ];
  const one = await imago(...whole, "--out", work.path("c.png"));
  expect(JSON.parse(one.stdout)).toMatchObject({ classes: ["orange-tip, flambé"], guidance: 1 });
});

test("a guidance of 0 draws of no class, and says so", async () => {
  const draw = ["sample", pipeline, "--count", "4", "--steps", "1", "--guidance", "0"];
  const words = await said([...draw, "--out", work.path("unclassed.png")]);
  expect(words.stdout).toContain("\nof no class: a guidance of 0 leaves classes out\n");
  expect(words.stdout).not.toMatch(/classes, in turn|azure/);
  const json = JSON.parse((await said([...draw, "--out", work.path("unclassed2.png"), "--json"])).stdout);
  expect(json).toMatchObject({ event: "done", guidance: 0 });
  expect(json).not.toHaveProperty("classes");
});

test("what does not go together is refused in one line", async () => {
  const plain = work.path("unconditional");
  await new DDPMPipeline(tinyUNet(), new DDPMScheduler()).savePretrained(plain);
  const out = ["--out", work.path("none.png")];
  await writeFile(work.path("seven.json"), JSON.stringify({ ...tinyUNet().toConfig(), num_class_embeds: 7 }));
  for (const [args, message] of [
    [["sample", pipeline, "--class", "lion", ...out], 'there is no class "lion"; of the model\'s 5 names'],
    [["sample", pipeline, "--class", "3", ...out], "there is no class 3; the model has the classes 0 to 2"],
    [["sample", pipeline, "--class", "tiger,", ...out], 'there is no class ""'],
    [
      ["sample", pipeline, "--guidance", "-1", ...out],
      '--guidance is "-1"; expected a number from 0 to 1000',
    ],
    [
      ["sample", pipeline, "--guidance", "1e25", ...out],
      '--guidance is "1e25"; expected a number from 0 to 1000',
    ],
    [
      ["sample", pipeline, "--guidance-rescale", "0.5", ...out],
      "a guidance rescale counts beside a guidance",
    ],
    [["sample", plain, "--class", "tiger", ...out], "the model is not class-conditional; leave out classes"],
    [
      ["sample", pipeline, "--guidance", "0", "--class", "tiger", ...out],
      "--guidance 0 draws of no class; leave out --class",
    ],
    [["sample", plain, "--guidance", "2", ...out], "the model is not class-conditional"],
    [
      tiny("never", "--label-dropout", "0.2"),
      "--label-dropout is of --class-conditional; give both or neither",
    ],
    [tiny("never", "--class-conditional", "--label-dropout", "1"), "labelDropout: "],
    [
      tiny("never", "--model", work.path("seven.json")),
      "num_class_embeds 7, but the 19 classes of synthetic want",
    ],
  ] as const) {
    const { code, line } = await failure(args);
    expect(line).toContain(message);
    expect(line).not.toContain("\n");
    expect(code).toBe(2);
  }
});
