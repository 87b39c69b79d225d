// What draws a drawing again: a command, and TypeScript.

import { isSamplerName } from "imago";
import type { DrawRequest, ModelSource } from "../engine/messages.ts";

/** The options of samplers that imago sample has. */
const FLAGS: Readonly<Record<string, string | undefined>> = {
  ...{ snr: "--snr", correctorSteps: "--corrector-steps", rtol: "--rtol", atol: "--atol", eta: "--eta" },
};

/** @returns undefined for what no command says: a model of this browser alone, or an option that has no flag */
export function commandOf(request: DrawRequest, runsFolder: string): string | undefined {
  const { model, count, seed, scheduler = "", steps, options = {}, eta, classLabel, guidanceScale } = request;
  const { prompt, negativePrompt } = request;
  const folder = folderOf(model, runsFolder);
  if (folder === undefined) return undefined;
  const isSampler = isSamplerName(scheduler);
  if (isSampler && Object.keys(options).some((name) => FLAGS[name] === undefined)) return undefined;
  const own = Object.entries(options).map(([name, value]) =>
    isSampler ? `${FLAGS[name]} ${value}` : `--scheduler-option ${snakeCase(name)}=${value}`,
  );
  const step = /\/step-(\d+)$/.exec(model.checkpoint ?? "")?.[1];
  const words = [
    `--count ${count} --seed ${seed}`,
    ...(step === undefined ? [] : [`--checkpoint ${Number(step)}`]),
    ...(scheduler === "" ? [] : [`--scheduler ${scheduler}`]),
    ...(steps === undefined ? [] : [`--steps ${steps}`]),
    ...own,
    ...(eta === undefined ? [] : [`--eta ${eta}`]),
    ...(classLabel === undefined ? [] : [`--class "${classLabel}"`]),
    ...(guidanceScale === undefined ? [] : [`--guidance ${guidanceScale}`]),
    ...(prompt === undefined ? [] : [`--prompt ${shellText(prompt)}`]),
    ...(negativePrompt === undefined ? [] : [`--negative ${shellText(negativePrompt)}`]),
  ];
  return `npx imago sample ${JSON.stringify(folder)} ${words.join(" ")}`;
}

/** @returns undefined for weights of a checkpoint */
export function codeOf(request: DrawRequest, runsFolder: string): string | undefined {
  const { model, count, seed, scheduler, steps, options, eta, classLabel, guidanceScale } = request;
  const { prompt, negativePrompt } = request;
  if (model.checkpoint !== undefined) return undefined;
  const given = {
    ...(prompt !== undefined && { prompt }),
    ...(negativePrompt !== undefined && { negativePrompt }),
    ...{ count, seed },
    ...(classLabel !== undefined && { classLabels: [classLabel] }),
    ...(guidanceScale !== undefined && { guidanceScale }),
  };
  const isSampler = scheduler !== undefined && isSamplerName(scheduler);
  const how = {
    ...(steps !== undefined && { steps }),
    ...(eta !== undefined && { eta }),
  };
  const all = isSampler
    ? `{ ...${JSON.stringify(given)}, scheduler: makeSampler("${scheduler}", ${JSON.stringify({ ...options, ...how })}) }`
    : JSON.stringify({
        ...given,
        ...how,
        ...(scheduler && { scheduler }),
        ...(options && { schedulerOptions: options }),
      });
  const pipeline = prompt === undefined ? "DDPMPipeline" : "StableDiffusionPipeline";
  const names = [pipeline, "imageGrid", ...(isSampler ? ["makeSampler"] : []), "writeImage"];
  return `import { ${names.join(", ")} } from "imago";

const pipeline = await ${pipeline}.fromPretrained(${JSON.stringify(folderOf(model, runsFolder) ?? model.address)});
const images = await pipeline.generateImages(${all});
await writeImage("drawing.png", imageGrid(images));
`;
}

/** A model as a command names it; undefined for one that only this browser has. */
function folderOf({ address, files }: ModelSource, runsFolder: string): string | undefined {
  if (files !== undefined || address.startsWith("/")) return undefined;
  const run = /\/api\/runs\/([^/]+)\/files\/pipeline$/.exec(address)?.[1];
  return run === undefined ? address : `${runsFolder}/${decodeURIComponent(run)}`;
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A text as one word of a shell. */
const shellText = (text: string): string => `"${text.replace(/["\\$`]/g, "\\$&")}"`;
