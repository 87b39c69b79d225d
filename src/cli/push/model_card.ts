// The model card: README.md of a model on the Hugging Face Hub. The Hub indexes models by its front matter.

import { extentOf } from "../../data/local/form.ts";
import { isHubName, parseHubName } from "../../io/hub/index.ts";
import { printable } from "../../io/printable.ts";
import type { LossRecord } from "../../training/run/metrics_log.ts";
import type { RunConfig } from "../../training/run/run_folder.ts";
import { counted, duration } from "../wording.ts";
import { usage } from "./model_card_usage.ts";

/** Information about a run. */
export interface RunReport {
  readonly config: RunConfig;
  /** The last recorded step; undefined when there are no records. */
  readonly last: LossRecord | undefined;
  /** Mean loss over parts of the run, in order. */
  readonly losses: readonly LossPart[];
}

/** The mean loss of some steps. */
export interface LossPart {
  readonly from: number;
  readonly to: number;
  readonly loss: number;
}

export interface CardOptions {
  /** "OWNER/NAME". */
  readonly id: string;
  /** The Hub's license identifier, such as apache-2.0. */
  readonly license?: string | undefined;
  readonly hasSamples: boolean;
}

/** Files of a repository besides the pipeline's own. */
export const SAMPLES = "samples.png";
export const LOSS_CHART = "loss.png";
export const RUN_CONFIG = "imago/config.json";
export const RUN_METRICS = "imago/metrics.jsonl";

/** Marks cards written by this program: newer ones may replace them. */
const MARK = "<!-- written by imago push -->";
export const isOwnCard = (card: string): boolean => card.includes(MARK);

/** Number of rows in the table of losses. */
const LOSS_ROWS = 6;

/** The text of the card. */
export function modelCard(report: RunReport, { id, license, hasSamples }: CardOptions): string {
  const [, name = id] = id.split("/");
  const { width, height } = extentOf(report.config.data.size);
  return [
    ...frontMatter(report, license),
    MARK,
    `# ${name}`,
    "",
    `A diffusion model that draws images of ${width} x ${height} pixels, trained with Imago ${report.config.imago} in TypeScript. Its files are those of [diffusers](https://github.com/huggingface/diffusers).`,
    ...(hasSamples ? ["", `![Images that the model drew](${SAMPLES})`] : []),
    "",
    ...usage(id, report.config),
    "",
    "## Data",
    "",
    dataLine(report.config),
    "",
    "## Training",
    "",
    ...table(["", ""], settingRows(report)),
    "",
    ...lossSection(report),
    `All options are in [${RUN_CONFIG}](${RUN_CONFIG}), every step in [${RUN_METRICS}](${RUN_METRICS}).`,
    "",
  ]
    .map(printable)
    .join("\n");
}

function frontMatter({ config }: RunReport, license: string | undefined): string[] {
  const { source } = config.data;
  const base = config.init?.source ?? "";
  return [
    "---",
    ...(license === undefined ? [] : [`license: ${license}`]),
    "library_name: diffusers",
    "pipeline_tag: unconditional-image-generation",
    "tags:",
    ...["imago", "diffusers", "unconditional-image-generation"].map((tag) => `- ${tag}`),
    ...(isHubName(base) ? [`base_model: ${parseHubName(base).id}`] : []),
    ...(isHubName(source) ? ["datasets:", `- ${parseHubName(source).id}`] : []),
    "---",
    "",
  ];
}

function dataLine({ data }: RunConfig): string {
  const { width, height } = extentOf(data.size);
  const images = `${counted(data.count, "image")}, read as ${width} x ${height} pixels`;
  if (data.source === "synthetic") return `The butterflies that come with Imago, drawn by code: ${images}.`;
  if (!isHubName(data.source)) return `${images}, from files of the author.`;
  const { id, revision } = parseHubName(data.source);
  const at = revision === undefined ? "" : ` (revision ${revision})`;
  return `[${id}](https://huggingface.co/datasets/${id})${at}: ${images}.`;
}

/** The source of the initial weights; undefined for a run from the seed alone. */
function fineTunedFrom({ init }: RunConfig): string | undefined {
  if (init === undefined) return undefined;
  const { source, step, drawn } = init;
  const name =
    source === null ? "weights of the author" : isHubName(source) ? hubLink(source) : publicName(source);
  const at = step === undefined ? "" : `, after ${counted(step, "step")}`;
  const anew = drawn.length === 0 ? "" : `; drawn anew: ${drawn.join(", ")}`;
  return `${name}${at}${anew}`;
}

function hubLink(source: string): string {
  const { id, revision } = parseHubName(source);
  return `[${id}](https://huggingface.co/${id})${revision === undefined ? "" : ` (revision ${revision})`}`;
}

/** A path without folders of this machine: for a checkpoint, its run. */
export function publicName(path: string): string {
  const parts = path.split(/[\\/]/).filter((part) => part !== "");
  return (parts.at(-2) === "checkpoints" ? parts.at(-3) : undefined) ?? parts.at(-1) ?? path;
}

function settingRows({ config, last }: RunReport): string[][] {
  const { training, scheduler, preset } = config;
  const done = last === undefined || last.step >= training.steps;
  const steps = done ? counted(training.steps, "step") : `${last.step} of ${counted(training.steps, "step")}`;
  const text = (value: unknown) =>
    typeof value === "string" || typeof value === "number" ? String(value) : "";
  const rows: [string, string | undefined][] = [
    ["preset", preset ?? undefined],
    ["fine-tuned from", fineTunedFrom(config)],
    ["length", `${steps} of ${counted(training.batchSize, "image")}`],
    ["time", last && duration(last.seconds)],
    [
      "learning rate",
      `${training.learningRate}, ${training.lrSchedule}, ${training.warmupSteps} steps of warm-up`,
    ],
    ["optimizer", training.optimizer === "muon" ? "Muon for hidden matrices, AdamW for the rest" : "AdamW"],
    ["precision", training.precision === "fp32" ? undefined : training.precision],
    ["predicts", text(scheduler.prediction_type) || "flow"],
    ["noise schedule", text(scheduler.beta_schedule) || text(scheduler._class_name)],
    ["loss weighting", training.minSnrGamma === null ? undefined : `min-SNR, gamma ${training.minSnrGamma}`],
    [
      "average of the weights",
      training.emaMaxDecay === null ? "none" : `decay up to ${training.emaMaxDecay}`,
    ],
    ["mirrored images", training.flip ? "half of them" : "none"],
    ["seed", String(training.seed)],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

function lossSection({ losses }: RunReport): string[] {
  if (losses.length === 0) return [];
  const size = Math.ceil(losses.length / LOSS_ROWS);
  const rows: string[][] = [];
  for (let at = 0; at < losses.length; at += size) {
    const { from, to, loss } = joined(losses.slice(at, at + size));
    rows.push([from === to ? String(to) : `${from}-${to}`, loss.toPrecision(4)]);
  }
  return [`![The loss over the run](${LOSS_CHART})`, "", ...table(["steps", "mean loss"], rows), ""];
}

/** Merges adjacent parts. */
function joined(parts: readonly LossPart[]): LossPart {
  const steps = ({ from, to }: LossPart) => to - from + 1;
  const total = parts.reduce((sum, part) => sum + steps(part), 0);
  const loss = parts.reduce((sum, part) => sum + (part.loss * steps(part)) / total, 0);
  return { from: parts[0]?.from ?? 0, to: parts.at(-1)?.to ?? 0, loss };
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
