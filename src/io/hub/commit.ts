// What is written to the Hub, by @huggingface/hub.

import * as v from "valibot";
import { files } from "#platform";
import { type Asked, params, understanding, understood } from "./client.ts";

/** The name of the token's owner. @throws HubError when the token is not accepted */
export async function tokenOwner(asked: Asked): Promise<string> {
  const { whoAmI } = await import("./write_library.ts");
  const who: unknown = await understanding(asked, () => whoAmI(params(asked)));
  return understood(v.object({ name: v.string() }), who, asked.subject).name;
}

/** Creates a repository. @throws HubError */
export async function createRepository(asked: Asked, isPrivate: boolean): Promise<void> {
  const { createRepo } = await import("./write_library.ts");
  await understanding(asked, () =>
    createRepo({ ...params(asked), ...(isPrivate && { visibility: "private" }) }),
  );
}

/** A file to upload. */
export interface Upload {
  /** Its path on this machine. */
  readonly file: string;
  /** Its path in the repository. */
  readonly path: string;
}

export interface CommitOptions {
  readonly title: string;
  /** The branch. */
  readonly revision: string;
  /** Paths to delete from the repository. */
  readonly removed: readonly string[];
  /** Called after each large file has been uploaded. */
  readonly onFile?: (path: string) => void;
}

/**
 * Makes one commit of files.
 * @returns the commit
 * @throws HubError
 */
export async function commitFiles(
  asked: Asked,
  uploads: readonly Upload[],
  { title, revision, removed, onFile }: CommitOptions,
): Promise<string> {
  const { commitIter } = await import("./write_library.ts");
  const contents = await Promise.all(
    uploads.map(async ({ file, path }) => ({ path, content: await files.contentToSend(file) })),
  );
  const work = commitIter({
    ...params(asked),
    title,
    branch: revision,
    operations: [
      ...contents.map((file) => ({ operation: "addOrUpdate" as const, ...file })),
      ...removed.map((path) => ({ operation: "delete" as const, path })),
    ],
    // Plain LFS: one request per file (or part), which every compatible server supports.
    useXet: false,
    ...(asked.signal && { abortSignal: asked.signal }),
  });
  const next = () => understanding(asked, () => work.next());
  let step = await next();
  while (!step.done) {
    const event = step.value;
    if (event.event === "fileProgress" && event.state === "uploading" && event.progress === 1)
      onFile?.(event.path);
    step = await next();
  }
  return understood(v.object({ commit: v.object({ oid: v.string() }) }), step.value, asked.subject).commit
    .oid;
}
