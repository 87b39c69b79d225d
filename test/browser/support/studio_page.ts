// The studio's page as a person sees it: built, served with a folder of runs, and open in Chromium.

import { once } from "node:events";
import type { Server } from "node:http";
import AxeSource from "axe-core";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { expect } from "vitest";
import { DataSets } from "../../../src/cli/studio/data_sets.ts";
import { Models } from "../../../src/cli/studio/models.ts";
import { readPage } from "../../../src/cli/studio/page_files.ts";
import { Runs } from "../../../src/cli/studio/runs.ts";
import { createStudioServer } from "../../../src/cli/studio/server.ts";
import { Trainings } from "../../../src/cli/studio/trainings.ts";
import { BIN, said } from "../../cli/support.ts";
import { launch } from "./chromium.ts";

export interface StudioPage {
  readonly url: string;
  readonly browser: Browser;
  readonly page: Page;
  /** Errors of the page and in its console. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}

/** Trains two runs, "first" and "second", whose model is in "model.json". @param path as that of `openStudio` */
export async function trainTwo(path: (name: string) => string): Promise<void> {
  const train = (name: string, ...more: string[]) =>
    said([
      ...["train", "--out", path(`runs/${name}`), "--model", path("model.json"), "--backend", "reference"],
      ...["--batch-size", "2", "--sample-every", "2", "--sample-steps", "2", "--sample-count", "4", ...more],
    ]);
  await train("first", "--steps", "4");
  await train("second", "--steps", "2", "--seed", "1");
}

/** @param path in a folder of the test: of "page", where the page is built, and "runs" */
export async function openStudio(path: (name: string) => string): Promise<StudioPage> {
  await build({
    configFile: "studio/vite.config.ts",
    logLevel: "silent",
    build: { outDir: path("page"), emptyOutDir: true },
  });
  const trainings = new Trainings([process.execPath, BIN]);
  const dataSets = new DataSets();
  const hosts = new Set<string>();
  const server: Server = createStudioServer({
    ...{ page: await readPage(path("page")), runs: new Runs(path("runs")), trainings, dataSets },
    models: new Models(path("runs")),
    ...{ mayNameAny: true, access: { hosts, token: null } },
    about: { imago: "test", runs: path("runs"), mayNameAny: true },
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  hosts.add(`127.0.0.1:${address.port}`);
  const browser = await launch();
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(20_000);
  const problems: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(`${message.text()} ${message.location().url}`);
  });
  page.on("pageerror", ({ message }) => problems.push(message));
  return {
    ...{ url: `http://127.0.0.1:${address.port}/`, browser, page, problems },
    async close() {
      await browser.close();
      await trainings.close();
      dataSets.closeAll();
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Looks in light, in dark, and at a phone's width for what hinders people. @param show brings the page to what is looked at */
export async function expectNoHindrance(page: Page, what: string, show: () => Promise<void>): Promise<void> {
  for (const [colorScheme, width] of [
    ["light", 1280],
    ["dark", 1280],
    ["light", 390],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 900 });
    await show();
    await page.evaluate(AxeSource.source);
    const violations = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
    });
    expect(violations, `${what}, ${colorScheme}, ${width}`).toEqual([]);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow, `${what} at ${width}`).toBeLessThanOrEqual(0);
  }
}
