// What draws a drawing again: a command, and TypeScript.

import { isSamplerName } from "imago";
import type { DrawRequest, ModelSource, Start } from "../engine/messages.ts";

/** The options of samplers that imago sample has. */
const FLAGS: Readonly<Record<string, string | undefined>> = {
  ...{ snr: "--snr", correctorSteps: "--corrector-steps", rtol: "--rtol", atol: "--atol", eta: "--eta" },
};

/** @returns undefined for what no command says: a model of this browser alone, or an option that has no flag */
export function commandOf(request: DrawRequest, runsFolder: string): string | undefined {
  const { model, count, seed, scheduler = "", steps, options = {}, eta, classLabel, guidanceScale } = request;
  const { prompt, negativePrompt, size } = request;
  const folder = folderOf(model, runsFolder);
  const [more, start] = [modelWords(model, runsFolder), startWords(request.start)];
  if (folder === undefined || more === undefined || start === undefined) return undefined;
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
    ...(size === undefined ? [] : [`--size ${size.width}x${size.height}`]),
    ...more,
    ...start,
  ];
  return `npx imago sample ${JSON.stringify(folder)} ${words.join(" ")}`;
}

/** @returns undefined for weights of a checkpoint, single files, LoRAs and images to start from */
export function codeOf(request: DrawRequest, runsFolder: string): string | undefined {
  const { model, count, seed, scheduler, steps, options, eta, classLabel, guidanceScale } = request;
  const { prompt, negativePrompt, size } = request;
  if (model.checkpoint !== undefined || model.single !== undefined) return undefined;
  if (model.loras !== undefined || request.start !== undefined) return undefined;
  const given = {
    ...(prompt !== undefined && { prompt }),
    ...(negativePrompt !== undefined && { negativePrompt }),
    ...{ count, seed, ...size },
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
function folderOf({ address, files, single }: ModelSource, runsFolder: string): string | undefined {
  if (single !== undefined) return pathOf(single.weights.file, runsFolder);
  if (files !== undefined || address.startsWith("/")) return undefined;
  const run = /\/api\/runs\/([^/]+)\/files\/pipeline$/.exec(address)?.[1];
  return run === undefined ? pathOf(address, runsFolder) : `${runsFolder}/${decodeURIComponent(run)}`;
}

/** The tokenizer and the LoRAs; undefined where the browser alone has one. */
function modelWords({ single, loras = [] }: ModelSource, runsFolder: string): string[] | undefined {
  const beside = single?.beside?.files.map(({ file }) => pathOf(file, runsFolder))[0];
  const files = loras.map(({ file, weight }) => [pathOf(file, runsFolder), weight] as const);
  if (single !== undefined && beside === undefined) return undefined;
  if (files.some(([path]) => path === undefined)) return undefined;
  return [
    ...(beside === undefined ? [] : [`--${single?.beside?.kind} ${shellText(beside)}`]),
    ...files.map(([path, weight]) => `--lora ${shellText(`${path}:${weight}`)}`),
  ];
}

/** Undefined for an image or a mask that is no file. */
function startWords(start: Start | undefined): string[] | undefined {
  if (start === undefined) return [];
  const { image, mask, strength } = start;
  if (!(image instanceof File) || !(mask === undefined || mask instanceof File)) return undefined;
  return [
    `--image ${shellText(image.name)}`,
    ...(mask === undefined ? [] : [`--mask ${shellText(mask.name)}`]),
    ...(strength === undefined ? [] : [`--strength ${strength}`]),
  ];
}

/** The path of a model of the server, by its address; other addresses are as they are, and files have none. */
function pathOf(file: File | string, runsFolder: string): string | undefined {
  if (file instanceof File) return undefined;
  const { pathname, searchParams } = URL.canParse(file) ? new URL(file) : {};
  const model = pathname?.includes("/api/models/files") ? searchParams?.get("model") : undefined;
  return typeof model === "string" ? `${runsFolder}/${model}` : file;
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A text as one word of a shell. */
const shellText = (text: string): string => `"${text.replace(/["\\$`]/g, "\\$&")}"`;
