// The page of peers: measures, shows each row as soon as it is known, and sends the results to who serves it.

import { findGpu } from "../../../src/engine/backends/webgpu/device.ts";
import type { Results, Row } from "../results.ts";
import { headings, NO_GPU, texts } from "../table.ts";
import { imago } from "./imago.ts";
import { jax } from "./jax.ts";
import { measure } from "./measure.ts";
import { DRY, nameOf, type Plan, WHOLE } from "./plan.ts";
import { tfjs } from "./tfjs.ts";

const libraries = [imago, jax, tfjs];

const element = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element "${id}"`);
  return found;
};

function addRow(to: string, cells: readonly string[], tag: "td" | "th"): void {
  const row = document.createElement("tr");
  for (const text of cells) row.appendChild(document.createElement(tag)).textContent = text;
  element(to).append(row);
}

/** @throws Error for a GPU that the processor plays, unless the plan is for one */
async function measureAll(plan: Plan): Promise<Results> {
  const { name: device, isSoftware: software } = await findGpu();
  if (software && plan !== DRY)
    throw new Error(`${device} is no GPU: the processor plays it, and times on it mean nothing`);
  const shown = libraries.map(({ name, version, layout }) => ({ name, version, layout }));
  element("device").textContent = `${device}. ${navigator.userAgent}. ${software ? NO_GPU : ""}`;
  for (const { name, layout } of libraries)
    element("layouts").appendChild(document.createElement("li")).textContent = `${name}: ${layout}`;
  addRow("headings", headings({ libraries: shown }), "th");
  const rows: Row[] = [];
  for (const operation of plan.operations) {
    element("status").textContent = `Measuring: ${nameOf(operation)}`;
    const row = await measure(libraries, operation, plan);
    rows.push(row);
    addRow("rows", texts(row), "td");
  }
  return { browser: navigator.userAgent, device, software, libraries: shown, rows };
}

const send = (content: Results | { readonly error: string }): Promise<Response> =>
  fetch("/results", { method: "POST", body: JSON.stringify(content) });

try {
  const results = await measureAll(new URLSearchParams(location.search).has("dry") ? DRY : WHOLE);
  element("status").textContent = "Done.";
  await send(results);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  element("status").textContent = message;
  await send({ error: message });
}
