// imago push: uploads a run's model to the Hugging Face Hub, with a card that documents how it was made.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CARD, HubError, hubSettings, parseHubName, pushFiles, type Upload } from "../../io/hub/index.ts";
import { VERSION } from "../../version.ts";
import { checking, Interrupted, UsageError } from "../errors.ts";
import { checkOutputFolder } from "../files.ts";
import { onInterrupt } from "../interrupt.ts";
import { createOutput, type Output } from "../output.ts";
import { bytes, counted, imagoCommand } from "../wording.ts";
import { isOwnCard } from "./model_card.ts";
import { copyUploads, planPush, uploadSizes } from "./plan.ts";

export interface PushFlags {
  readonly private?: boolean;
  readonly message?: string;
  readonly license?: string;
  readonly force?: boolean;
  /** No upload; true, or a folder for the files. */
  readonly dryRun?: boolean | string;
  readonly json?: boolean;
}

export async function push(run: string, target: string, flags: PushFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const made = await mkdtemp(join(tmpdir(), "imago-push-"));
  const interrupt = new AbortController();
  const { signal } = interrupt;
  const release = onInterrupt(() => interrupt.abort(new Interrupted("stopped; nothing was committed")));
  try {
    const { id, uploads } = await checking(() => prepare(run, target, flags, made));
    signal.throwIfAborted();
    if (flags.dryRun !== undefined) await rehearse(id, uploads, flags.dryRun, output);
    else await upload(id, uploads, flags, output, signal);
  } finally {
    output.end();
    await rm(made, { recursive: true, force: true });
    release();
  }
}

async function prepare(
  run: string,
  target: string,
  { dryRun, license, force }: PushFlags,
  made: string,
): Promise<{ id: string; uploads: Upload[] }> {
  const { id, revision } = parseHubName(target);
  if (revision !== undefined) {
    throw new UsageError(`${target}: a push goes to the main branch; leave out @${revision}`);
  }
  if (typeof dryRun === "string") await checkOutputFolder("--dry-run", dryRun, force === true);
  return { id, uploads: await planPush(run, made, { id, license }) };
}

/** Shows the files to upload, without using the network. */
async function rehearse(
  id: string,
  uploads: readonly Upload[],
  folder: boolean | string,
  output: Output,
): Promise<void> {
  const sizes = await uploadSizes(uploads);
  const files = uploads.map(({ path }, i) => ({ path, bytes: sizes[i] ?? 0 }));
  if (typeof folder === "string") await copyUploads(uploads, folder);
  output.event({ event: "rehearsed", repo: id, files, ...(typeof folder === "string" && { folder }) });
  output.line(`hf:${id} would get ${counted(files.length, "file")}:`);
  for (const { path, bytes: size } of files) output.line(`  ${path} (${bytes(size)})`);
  if (typeof folder === "string") return output.line(`written to ${folder}; nothing was uploaded`);
  const card = uploads.find(({ path }) => path === CARD);
  if (card !== undefined) {
    for (const line of ["", ...(await readFile(card.file, "utf8")).split("\n")]) output.line(line);
  }
  output.line("nothing was uploaded");
}

async function upload(
  id: string,
  uploads: readonly Upload[],
  flags: PushFlags,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { message = `Upload with imago ${VERSION}`, force } = flags;
  const work = async () =>
    pushFiles(id, uploads, {
      settings: await hubSettings(),
      title: message,
      isPrivate: flags.private === true,
      mayReplaceCard: (card) => force === true || isOwnCard(card),
      onStage: (stage) => output.status({ parts: [stage] }),
      signal,
    });
  try {
    const { url, commit, isNew, added, replaced, removed } = await checking(work);
    output.clear();
    output.event({ event: "pushed", repo: id, url, commit, created: isNew, added, replaced, removed });
    if (flags.private && !isNew)
      output.warn(`hf:${id} was there already; --private counts for new ones only`);
    if (replaced.length > 0) output.line(`replaced (the history keeps the old ones): ${replaced.join(", ")}`);
    if (removed.length > 0) output.line(`removed, as the new weights are one file: ${removed.join(", ")}`);
    const files = counted(added.length + replaced.length, "file");
    output.line(
      isNew ? `${files} in the new repository ${url}` : `${files} new or changed: ${url}/commit/${commit}`,
    );
    output.line(`draw from it: ${imagoCommand("sample", `hf:${id}`)}`);
  } catch (error) {
    throw signal.aborted && !(error instanceof HubError) ? signal.reason : error;
  }
}
