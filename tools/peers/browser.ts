// A Chromium without a window that opens the page of peers.

import { chromium } from "playwright-core";
import { placeOf } from "../../test/support/browser_process.ts";

/** Gives pages a GPU that the processor plays. */
const SOFTWARE = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
/** Gives pages the machine's GPU, also where Chromium is careful with its driver. */
const REAL = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--ignore-gpu-blocklist"];

/**
 * @param onFailure gets the errors that the page does not catch
 * @returns closes the browser
 * @throws Error where there is no Chromium
 */
export async function openHeadless(
  url: string,
  software: boolean,
  onFailure: (error: Error) => void,
): Promise<() => Promise<void>> {
  const place = placeOf("Chromium");
  if (place === undefined) throw new Error("there is no Chromium; install it, or set IMAGO_CHROMIUM");
  // The sandbox needs rights that containers seldom give; the page is our own.
  const args = ["--no-sandbox", ...(software ? SOFTWARE : REAL)];
  const browser = await chromium.launch({ executablePath: place, args });
  const page = await browser.newPage();
  page.on("pageerror", onFailure);
  page.on("crash", () => onFailure(new Error("the page crashed")));
  try {
    await page.goto(url);
  } catch (error) {
    await browser.close();
    throw error;
  }
  return () => browser.close();
}
