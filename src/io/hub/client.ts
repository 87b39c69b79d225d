// What is read from the Hub, by @huggingface/hub. The library makes the requests; our own fetch adds the token, limits and
// retries. The library is loaded at first use.

import * as v from "valibot";
import { errorCode } from "../../platform/errors.ts";
import { plain } from "../plain.ts";
import { HubError, type Subject } from "./errors.ts";
import { apiFetch } from "./http.ts";
import type { HubSettings } from "./settings.ts";

/** What a repository holds. */
export type HubKind = "model" | "dataset";

/** A file of a repository, as the Hub lists it. */
export interface HubFile {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Its git object id. */
  readonly oid: string;
  /** The name of its content: SHA-256 for large files (64 digits), `oid` for others (40). */
  readonly digest: string;
}

/** A request's settings and repository, and the words for its errors. */
export interface Asked {
  readonly settings: HubSettings;
  readonly subject: Subject;
  readonly kind: HubKind;
  readonly id: string;
  readonly signal?: AbortSignal | undefined;
}

/** Most pages of a listing, each of a thousand files on the Hub: a server could name a next page for ever. */
const MAX_PAGES = 1000;
/** Repositories with more files are not listed: the Hub itself advises against them. */
const MAX_FILES = 200_000;

const commitSchema = v.object({ sha: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)) });
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const entrySchema = v.object({
  type: v.string(),
  path: v.pipe(v.string(), v.maxLength(4096)),
  size: v.optional(size, 0),
  oid: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/))),
  lfs: v.optional(v.object({ oid: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)), size })),
});

/** What every function of the library is given. */
export function params({ settings, subject, kind, id, signal }: Asked) {
  return {
    repo: { type: kind, name: id },
    name: id,
    hubUrl: settings.endpoint,
    fetch: apiFetch(settings, subject, signal),
    // Our fetch adds the token: the library refuses tokens for servers other than huggingface.co.
    accessToken: "",
  } as const;
}

/** The current commit of a branch, tag or commit. @throws HubError */
export async function resolveCommit(asked: Asked, revision: string): Promise<string> {
  const { modelInfo, datasetInfo } = await import("./read_library.ts");
  const query = { ...params(asked), revision };
  const info = await understanding(asked, () =>
    asked.kind === "model"
      ? modelInfo({ ...query, additionalFields: ["sha"] })
      : datasetInfo({ ...query, additionalFields: ["sha"] }),
  );
  return understood(commitSchema, info, asked.subject).sha;
}

/** All files of a commit. @throws HubError */
export async function listCommit(asked: Asked, commit: string): Promise<HubFile[]> {
  const { listFiles } = await import("./read_library.ts");
  const files: HubFile[] = [];
  const given = params(asked);
  let pages = 0;
  const bounded: typeof fetch = (input, init) => {
    if (++pages > MAX_PAGES) throw misunderstood(asked.subject, `more than ${MAX_PAGES} pages of files`);
    return given.fetch(input, init);
  };
  const items = listFiles({ ...given, fetch: bounded, revision: commit, recursive: true });
  for (;;) {
    const item = await understanding(asked, () => items.next());
    if (item.done) return files;
    const { type, path, size, oid, lfs } = understood(entrySchema, item.value, asked.subject);
    if (type !== "file") continue;
    if (oid === undefined) throw misunderstood(asked.subject, `${plain(path)} has no checksum`);
    files.push({ path, size: lfs?.size ?? size, oid, digest: lfs?.oid ?? oid });
    if (files.length > MAX_FILES) {
      throw new HubError(
        "content",
        `${asked.subject.label}: it has more than ${MAX_FILES} files, which are too many to read one by one; choose one with parquet or zip files`,
      );
    }
  }
}

/**
 * Calls the library; answers that it does not understand become errors of the server. @throws HubError; other errors
 * unchanged
 */
export async function understanding<T>({ subject, signal }: Asked, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    // Our own errors, and the operating system's about a file being sent.
    if (!(error instanceof Error) || error instanceof HubError || errorCode(error) !== undefined) throw error;
    throw misunderstood(subject, plain(error.message), error);
  }
}

/** An answer of the shape that the Hub's have. @throws HubError for another */
export function understood<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  subject: Subject,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw misunderstood(subject, plain(`${v.getDotPath(issue) ?? "answer"}: ${issue.message}`));
}

const misunderstood = ({ label }: Subject, what: string, cause?: Error): HubError =>
  new HubError("server", `${label}: the server's answer is not the Hub's (${what}); check HF_ENDPOINT`, {
    cause,
  });
