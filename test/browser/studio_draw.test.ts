// The studio's view for drawing as a person uses it, in Chromium: with a run or a folder, by schedulers and samplers, on a
// GPU, between seeds, and a part of a picture anew.

import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { workFolder } from "../cli/support.ts";
import { fixture } from "../support/golden.ts";
import { describeInBrowser, launch, SOFTWARE_GPU } from "./support/chromium.ts";
import { openStudio, type StudioPage, trainTwo } from "./support/studio_page.ts";

const PATIENCE = 120_000;

describeInBrowser("drawing in the studio", () => {
  const work = workFolder();
  let studio: StudioPage;
  let page: Page;
  let url = "";

  beforeAll(async () => {
    await trainTwo(work.path);
    studio = await openStudio(work.path);
    ({ page, url } = studio);
  }, PATIENCE);

  afterAll(() => studio?.close());

  test(
    "draws with a run, and shows the steps",
    async () => {
      await page.goto(`${url}#draw`);
      await page.getByLabel(/^with/).selectOption({ label: "first" });
      await page.getByLabel("scheduler").selectOption("ddim");
      await page.getByLabel(/^steps$/).fill("4");
      await page.getByLabel("pictures").fill("2");
      await page.getByRole("button", { name: "draw", exact: true }).click();
      await page.getByText(/^drawn in/).waitFor();
      const pixels = (name: string) =>
        page.getByRole("img", { name }).evaluate((canvas: HTMLCanvasElement) => {
          const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? {
            data: [],
          };
          return [...data].join();
        });
      const last = await pixels("picture 2 after step 4");
      expect(new Set(last.split(",")).size).toBeGreaterThan(8);
      await page.getByRole("slider", { name: /^step 4/ }).press("Home");
      expect(await pixels("picture 2 after step 1")).not.toBe(last);
      const picture = page.waitForEvent("download");
      await page.getByRole("button", { name: "save PNG" }).click();
      expect((await picture).suggestedFilename()).toBe("drawing.png");
      await page.getByRole("img", { name: "picture 2 after step 1" }).click();
      await page.getByRole("region", { name: "the film of picture 2" }).waitFor();
      const film = page.waitForEvent("download");
      await page.getByRole("button", { name: "save the film" }).click();
      const bytes = await readFile(await (await film).path());
      // Chunks of an animated PNG: how many frames there are, then one control chunk for each.
      expect(bytes.readUInt32BE(bytes.indexOf("acTL") + 4)).toBe(4);
    },
    PATIENCE,
  );

  test(
    "takes options of a scheduler by their names, and says what draws the same again",
    async () => {
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await page.goto(`${url}#draw`);
      await page.reload();
      await page.getByLabel(/^with/).selectOption({ label: "first" });
      await page.getByLabel("weights").selectOption({ label: "after step 4" });
      await page.getByLabel("scheduler").selectOption("euler");
      await page.getByText("options of euler").click();
      await page.getByLabel("useKarrasSigmas").selectOption("true");
      await page.getByLabel(/^steps$/).fill("3");
      await page.getByLabel("pictures").fill("1");
      const draw = page.getByRole("button", { name: "draw", exact: true });
      await draw.click();
      await page.getByText(/^drawn in/).waitFor();
      await page.getByRole("button", { name: "copy the command" }).click();
      await page.getByRole("button", { name: "copied" }).waitFor();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
        `npx imago sample "${work.path("runs/first")}" --count 1 --seed 0 --checkpoint 4 --scheduler euler --steps 3 --scheduler-option use_karras_sigmas=true`,
      );
      await page.getByLabel("stepsOffset").fill("many");
      await draw.click();
      await page.getByRole("alert").filter({ hasText: "steps_offset" }).waitFor();
    },
    PATIENCE,
  );

  test(
    "shows the steps that a sampler chose for each picture",
    async () => {
      await page.goto(`${url}#draw`);
      await page.reload();
      await page.getByLabel(/^with/).selectOption({ label: "first" });
      await page.getByLabel("scheduler").selectOption("adaptive");
      await page.getByText("options of adaptive").click();
      await page.getByLabel("rtol").fill("0.5");
      await page.getByLabel("pictures").fill("2");
      await page.getByRole("button", { name: "draw", exact: true }).click();
      await page.getByText(/^drawn in/).waitFor();
      await page.getByRole("img", { name: /picture 1: \d+ steps, picture 2: \d+ steps/ }).waitFor();
      await page.getByRole("img", { name: "picture 2 after step" }).click();
      await page.getByRole("img", { name: /noise to picture; picture 2: \d+ steps$/ }).waitFor();
    },
    PATIENCE,
  );

  test(
    "draws with a pipeline's folder of this computer",
    async () => {
      await page.goto(`${url}#draw`);
      await page.getByLabel(/^with/).selectOption("folder");
      await page.getByLabel("a pipeline's folder").setInputFiles(work.path("runs/first/pipeline"));
      await page.getByLabel("scheduler").selectOption("ddim");
      await page.getByLabel(/^steps$/).fill("2");
      await page.getByLabel("pictures").fill("1");
      await page.getByRole("button", { name: "draw", exact: true }).click();
      await page.getByText(/^drawn in/).waitFor();
    },
    PATIENCE,
  );

  test(
    "draws what a prompt says, with a model that needs one",
    async () => {
      await page.goto(`${url}#draw`);
      await page.reload();
      await page.getByLabel(/^with/).selectOption("folder");
      await page.getByLabel("a pipeline's folder").setInputFiles(fixture("stable_diffusion/pipeline"));
      await page.getByLabel("scheduler").selectOption("ddim");
      await page.getByLabel(/^steps$/).fill("2");
      await page.getByLabel("pictures").fill("2");
      const draw = page.getByRole("button", { name: "draw", exact: true });
      await draw.click();
      await page.getByRole("alert").filter({ hasText: "write a prompt" }).waitFor();
      const picture = () =>
        page
          .getByRole("img", { name: "picture 2 after step 2" })
          .evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
      await page.getByLabel(/^prompt/).fill("a castle");
      await page.getByLabel("what they do not show").fill("people");
      await draw.click();
      await page.getByText(/^drawn in/).waitFor();
      const castle = await picture();
      await page.getByLabel(/^prompt/).fill("a cat");
      await draw.click();
      await expect.poll(picture, { timeout: 20_000 }).not.toBe(castle);
      await page.getByLabel(/^with/).selectOption({ label: "first" });
      expect(await page.getByLabel(/^prompt/).count()).toBe(0);
    },
    PATIENCE,
  );

  test(
    "draws a part of a picture anew, and keeps the rest",
    async () => {
      await page.goto(`${url}#draw`);
      await page.getByLabel(/^with/).selectOption({ label: "first" });
      await page.getByLabel("scheduler").selectOption("ddim");
      await page.getByLabel(/^steps$/).fill("3");
      await page.getByLabel("pictures").fill("1");
      await page.getByRole("button", { name: "draw", exact: true }).click();
      await page.getByText(/^drawn in/).waitFor();
      const halves = (name: string) =>
        page.getByRole("img", { name }).evaluate((canvas: HTMLCanvasElement) => {
          const half = (left: number) =>
            [
              ...(canvas.getContext("2d")?.getImageData(left, 0, canvas.width / 2, canvas.height).data ?? []),
            ].join();
          return [half(0), half(canvas.width / 2)];
        });
      const [left, right] = await halves("picture 1 after step 3");
      await page.getByText("draw a part anew").click();
      await page.getByRole("button", { name: "left half" }).click();
      await page.getByRole("button", { name: "draw it anew" }).click();
      await page.getByRole("img", { name: "picture 4 after step 3" }).waitFor();
      await page.getByText(/^drawn in/).waitFor();
      const [newLeft, sameRight] = await halves("picture 2 after step 3");
      expect(newLeft).not.toBe(left);
      const levels = (text: string) => text.split(",").map(Number);
      const kept = levels(right);
      const largest = Math.max(...levels(sameRight).map((level, i) => Math.abs(level - kept[i])));
      expect(largest).toBeLessThanOrEqual(1);
    },
    PATIENCE,
  );

  test(
    "walks between seeds, and stands still for who wants less motion",
    async () => {
      await page.emulateMedia({ reducedMotion: "reduce" });
      await page.goto(`${url}#draw`);
      await page.getByLabel(/^with/).selectOption({ label: "first" });
      await page.getByLabel(/^steps$/).fill("2");
      await page.getByLabel("walk between seeds").fill("3, 7");
      await page.getByRole("button", { name: "draw", exact: true }).click();
      await page.getByRole("img", { name: "frame 1 of 24" }).waitFor();
      await page.getByRole("button", { name: "play" }).click();
      // Any later frame: a busy machine may not see each one.
      await page.getByRole("img", { name: /^frame (?!1 )\d+ of 24$/ }).waitFor();
      await page.getByRole("button", { name: "pause" }).click();
      await page.emulateMedia({ reducedMotion: null });
    },
    PATIENCE,
  );

  test(
    "draws on a GPU: step by step, with steps of a sampler's own, between seeds, and a part anew",
    async () => {
      const withGpu = await launch(SOFTWARE_GPU);
      try {
        const own = await withGpu.newPage();
        own.setDefaultTimeout(PATIENCE);
        await own.goto(`${url}#draw`);
        await own.getByLabel(/^with/).selectOption({ label: "first" });
        await own.getByLabel("computes on").selectOption("webgpu");
        await own.getByLabel("pictures").fill("1");
        const draw = async (last: string): Promise<void> => {
          await own.getByRole("button", { name: "draw", exact: true }).click();
          await own.getByRole("img", { name: last }).waitFor();
          await own.getByText(/^drawn in/).waitFor();
        };
        await own.getByLabel(/^steps$/).fill("2");
        await draw("picture 1 after step 2");
        await own.getByText("draw a part anew").click();
        await own.getByRole("button", { name: "left half" }).click();
        await own.getByRole("button", { name: "draw it anew" }).click();
        await own.getByRole("img", { name: "picture 4 after step 2" }).waitFor();
        await own.getByText(/^drawn in/).waitFor();
        await own.getByLabel("walk between seeds").fill("3, 7");
        await draw("of 24");
        await own.getByLabel("walk between seeds").fill("");
        await own.getByLabel("scheduler").selectOption("adaptive");
        await draw("picture 1 after step 50");
      } finally {
        await withGpu.close();
      }
    },
    PATIENCE,
  );

  test(
    "compares samplers from the same noise, and says of one that does not suit why",
    async () => {
      await page.goto(`${url}#draw`);
      await page.getByLabel(/^with/).selectOption({ label: "first" });
      await page.getByLabel(/^steps$/).fill("3");
      await page.getByText("compare samplers").click();
      for (const name of ["ddpm", "euler", "dpm++", "unipc"]) {
        await page.getByRole("checkbox", { name, exact: true }).uncheck();
      }
      await page.getByRole("checkbox", { name: "flow-match-euler" }).check();
      await page.getByRole("button", { name: "compare", exact: true }).click();
      await page.getByRole("img", { name: "picture 4 by ddim" }).waitFor();
      await page.getByRole("row").filter({ hasText: "flow-match-euler" }).locator(".problem").waitFor();
    },
    PATIENCE,
  );

  test(
    "says what is wrong with what cannot be drawn",
    async () => {
      await page.goto(`${url}#draw`);
      await page.getByLabel(/^with/).selectOption({ label: "first" });
      await page.getByLabel(/^steps$/).fill("0");
      await page.getByRole("button", { name: "draw", exact: true }).click();
      await page.getByRole("alert").filter({ hasText: "steps" }).waitFor();
    },
    PATIENCE,
  );

  test("has no error in its console but the refusals that it shows", () => {
    const refusals = /^Failed to load resource: the server responded with a status of (422|409)/;
    expect(studio.problems.filter((problem) => !refusals.test(problem))).toEqual([]);
  });
});
