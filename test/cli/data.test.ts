import { mkdir, writeFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, expect, test } from "vitest";
import { failure, imago, workFolder } from "./support.ts";

const work = workFolder();
beforeAll(async () => {
  await mkdir(work.path("images"));
  for (const [i, color] of ["red", "lime", "blue"].entries()) {
    const create = { width: 20, height: 12, channels: 3, background: color } as const;
    await sharp({ create })
      .png()
      .toFile(work.path(`images/${i}.png`));
  }
});

test("info counts and measures; preview draws", async () => {
  const info = await imago("data", "info", work.path("images"), "--size", "16", "--json");
  expect(info).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(info.stdout)).toMatchObject({
    count: 3,
    size: 16,
    channels: 3,
    mean: [1 / 3, 1 / 3, 1 / 3],
  });

  const out = work.path("preview.png");
  const preview = await imago("data", "preview", "synthetic", "--size", "16", "--count", "4", "--out", out);
  expect(preview).toMatchObject({ code: 0, stderr: "" });
  expect(await sharp(out).metadata()).toMatchObject({ width: 2 * 132 + 4, height: 2 * 132 + 4 });
  expect(await failure(["data", "preview", "synthetic", "--out", out])).toMatchObject({ code: 2 });
});

test("broken images are named, and left out when asked", async () => {
  await writeFile(work.path("images/bad.jpg"), "not an image");
  const source = work.path("images");
  const refused = await failure(["data", "info", source]);
  expect(refused).toMatchObject({ code: 2, line: expect.stringContaining('"bad.jpg"') });
  const { code, stderr, stdout } = await imago("data", "info", source, "--skip-broken", "--json");
  expect(code).toBe(0);
  expect(stderr).toMatch(/^imago: warning: .*"bad.jpg"/);
  expect(JSON.parse(stdout).count).toBe(3);
});
