// Uploads files to a repository of the Hub in one commit; creates the repository if it does not exist.

import { files } from "#platform";
import type { Asked, HubFile } from "./client.ts";
import { commitFiles, createRepository, tokenOwner, type Upload } from "./commit.ts";
import { matches } from "./download.ts";
import { HubError } from "./errors.ts";
import { parentOf } from "./name.ts";
import { fetchFiles, type HubRepo, listRepo, subjectOf } from "./repo.ts";
import type { HubSettings } from "./settings.ts";

const BRANCH = "main";
export const CARD = "README.md";

export interface PushOptions {
  readonly settings: HubSettings;
  /** The first line of the commit. */
  readonly title: string;
  /** For a new repository. Default: the account's settings. */
  readonly isPrivate: boolean;
  /** Whether an existing README.md may be replaced. */
  readonly mayReplaceCard: (card: string) => boolean;
  /** Called with a description of each stage. */
  readonly onStage?: (stage: string) => void;
  readonly signal?: AbortSignal;
}

export interface Pushed {
  readonly url: string;
  readonly commit: string;
  /** Whether the repository was created. */
  readonly isNew: boolean;
  /** Files that are new in the repository. */
  readonly added: readonly string[];
  /** Files whose content changed. */
  readonly replaced: readonly string[];
  /** Files deleted because readers would load them instead of the new ones. */
  readonly removed: readonly string[];
}

/**
 * Uploads files to the main branch of a model's repository. Files with other names stay; the history keeps what is
 * replaced.
 * @param id "OWNER/NAME"
 * @throws HubError, FileError, in one line
 */
export async function pushFiles(
  id: string,
  uploads: readonly Upload[],
  { settings, title, isPrivate, mayReplaceCard, onStage, signal }: PushOptions,
): Promise<Pushed> {
  const subject = subjectOf(settings, "model", id, BRANCH);
  const asked: Asked = { settings, subject, kind: "model", id, signal };
  if (settings.offline) {
    throw new HubError("offline", `${subject.label}: HF_HUB_OFFLINE is set; unset it to push`);
  }
  if (settings.token === undefined) {
    throw new HubError(
      "token",
      `${subject.label}: pushing needs an access token; make one with write access at ${settings.endpoint}/settings/tokens and set HF_TOKEN to it`,
    );
  }
  onStage?.("asking the Hub");
  await tokenOwner(asked);
  const before = await existing(id, settings, signal);
  if (before === undefined) await createRepository(asked, isPrivate);
  else await checkCard(before, uploads, mayReplaceCard, signal);
  const listed = new Map(before?.files.map((file) => [file.path, file]));
  const removed = [...listed.keys()].filter((path) => isStaleIndex(path, uploads));
  const added = uploads.filter(({ path }) => !listed.has(path));
  const replaced: Upload[] = [];
  for (const upload of uploads) {
    const old = listed.get(upload.path);
    if (old !== undefined && !(await isSame(upload.file, old))) replaced.push(upload);
  }
  const paths = (some: readonly Upload[]) => some.map(({ path }) => path);
  const done = (commit: string): Pushed => ({
    ...{ url: subject.page, commit, isNew: before === undefined, removed },
    ...{ added: paths(added), replaced: paths(replaced) },
  });
  const changed = [...added, ...replaced];
  if (changed.length + removed.length === 0) return done(before?.commit ?? "");
  const what = `uploading ${changed.length} files`;
  onStage?.(what);
  let large = 0;
  const onFile = () => onStage?.(`${what}, of large ones ${++large} are there`);
  return done(await commitFiles(asked, changed, { title, revision: BRANCH, removed, onFile }));
}

async function isSame(path: string, file: HubFile): Promise<boolean> {
  const handle = await files.open(path);
  try {
    return await matches(handle, file);
  } finally {
    await handle.close();
  }
}

/** The existing repository, or undefined if there is none. */
async function existing(
  id: string,
  settings: HubSettings,
  signal: AbortSignal | undefined,
): Promise<HubRepo | undefined> {
  try {
    return await listRepo("model", id, BRANCH, { settings, signal });
  } catch (error) {
    if (error instanceof HubError && error.reason === "repo") return undefined;
    throw error;
  }
}

/** @throws HubError for a model card written by hand */
async function checkCard(
  repo: HubRepo,
  uploads: readonly Upload[],
  mayReplaceCard: (card: string) => boolean,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isThere = repo.files.some(({ path }) => path === CARD) && uploads.some(({ path }) => path === CARD);
  if (!isThere) return;
  const [file = ""] = await fetchFiles(repo, [CARD], { signal });
  if (mayReplaceCard(await files.readText(file))) return;
  throw new HubError(
    "content",
    `${repo.label}: its ${CARD} was not written by imago push; add --force to replace it (the history keeps it), or choose another name`,
  );
}

/** An old index of shards beside new weights in one file: readers would follow the index to the old shards. */
function isStaleIndex(path: string, uploads: readonly Upload[]): boolean {
  const folders = new Set(uploads.map((upload) => parentOf(upload.path)));
  const isKept = uploads.some((upload) => upload.path === path);
  return path.endsWith(".safetensors.index.json") && folders.has(parentOf(path)) && !isKept;
}
