// A server on 127.0.0.1 with the part of the Hugging Face Hub's interface that is used here: listings in pages, small
// files (from the Hub itself) and large ones (from a second host, after a redirect), ranges, refusals, uploads.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Files from this size on are large: they have a SHA-256 and come from the second host. */
export const LARGE = 1000;
export const TOKEN = "hf_ofTheTests";
const OWNER = "tester";

/** What the Hub sends so that pages of other origins may read from it. */
const FOR_PAGES = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, range",
  "access-control-expose-headers":
    "X-Repo-Commit,X-Request-Id,X-Error-Code,X-Error-Message,X-Total-Count,ETag,Link,Accept-Ranges,Content-Range",
};

export interface RepoOptions {
  readonly kind?: "model" | "dataset";
  readonly isPrivate?: boolean;
  readonly isGated?: boolean;
}

interface Repo extends RepoOptions {
  readonly commits: Map<string, Map<string, Buffer>>;
  readonly branches: Map<string, string>;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly host: "hub" | "cdn";
}

class Refused extends Error {
  readonly status: number;
  readonly code: string | undefined;

  constructor(status: number, message: string, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class HubServer {
  /** Every request since the last `forget`. */
  asked: Asked[] = [];
  /** Entries of a page of a listing. */
  pageSize = 3;
  /** Connections of contents that are cut after so many bytes, one after the other. */
  cuts: number[] = [];
  /** Contents that are sent with a wrong byte, by path. */
  readonly damaged = new Set<string>();
  /** Statuses that requests to the Hub are answered with, one after the other, before it works again. */
  failures: number[] = [];
  /** Summaries of the commits made. */
  readonly summaries: string[] = [];
  readonly #repos = new Map<string, Repo>();
  readonly #large = new Map<string, Buffer>();
  #hub: Server | undefined;
  #cdn: Server | undefined;

  async start(): Promise<void> {
    this.#hub = await listening((request, response) => this.#answer("hub", request, response));
    this.#cdn = await listening((request, response) => this.#answer("cdn", request, response));
  }

  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#cdn]) {
      server?.closeAllConnections();
      await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    }
  }

  get endpoint(): string {
    return addressOf(this.#hub);
  }

  forget(): void {
    this.asked = [];
  }

  /** Paths asked for, without those of the log of a page. */
  get paths(): string[] {
    return this.asked.map(({ method, path }) => `${method} ${path}`);
  }

  /** Makes a repository, or a further commit in it. @returns the commit */
  add(
    id: string,
    files: Readonly<Record<string, string | Uint8Array>>,
    { branch, ...options }: RepoOptions & { readonly branch?: string } = {},
  ): string {
    const contents = Object.entries(files).map(([path, data]): [string, Buffer] => [path, Buffer.from(data)]);
    return this.#commit(this.#repos.get(id) ?? this.#make(id, options), new Map(contents), branch);
  }

  /** What is in a repository now; undefined where there is none. */
  content(id: string): ReadonlyMap<string, Buffer> | undefined {
    const repo = this.#repos.get(id);
    return repo?.commits.get(repo.branches.get("main") ?? "");
  }

  isPrivate(id: string): boolean | undefined {
    return this.#repos.get(id)?.isPrivate;
  }

  #make(id: string, options: RepoOptions): Repo {
    const repo = { ...options, commits: new Map(), branches: new Map() };
    this.#repos.set(id, repo);
    return repo;
  }

  #commit(repo: Repo, files: ReadonlyMap<string, Buffer>, branch = "main"): string {
    const before = repo.commits.get(repo.branches.get(branch) ?? "") ?? new Map<string, Buffer>();
    const commit = createHash("sha1")
      .update(`${this.#repos.size} ${repo.commits.size} ${[...files.keys()]}`)
      .digest("hex");
    repo.commits.set(commit, new Map([...before, ...files]));
    repo.branches.set(branch, commit);
    for (const data of files.values()) this.#large.set(sha256(data), data);
    return commit;
  }

  #answer(host: "hub" | "cdn", request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", this.endpoint);
    const { authorization, range } = request.headers;
    for (const [name, value] of Object.entries(FOR_PAGES)) response.setHeader(name, value);
    this.asked.push({ method: request.method ?? "", path: url.pathname, range, authorization, host });
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (request.method === "OPTIONS") {
        response.writeHead(204).end();
        return;
      }
      try {
        const failure = host === "hub" ? this.failures.shift() : undefined;
        if (failure !== undefined) throw new Refused(failure, "down for repairs");
        this.#route(host, request, url, Buffer.concat(parts), response);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        const headers = {
          "content-type": "application/json",
          "x-error-message": error.message,
          ...(error.code !== undefined && { "x-error-code": error.code }),
        };
        response.writeHead(error.status, headers).end(JSON.stringify({ error: error.message }));
      }
    });
  }

  #route(host: string, request: IncomingMessage, url: URL, body: Buffer, response: ServerResponse): unknown {
    const path = decodeURIComponent(url.pathname);
    const json = (value: unknown, headers = {}) =>
      response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
    if (host === "cdn") return this.#serveLarge(path, request, response);
    const { authorization } = request.headers;
    if (authorization !== undefined && authorization !== `Bearer ${TOKEN}`) {
      throw new Refused(401, "Invalid credentials in Authorization header");
    }
    const isKnown = authorization !== undefined;
    const mustKnow = () => {
      if (!isKnown) throw new Refused(401, "Invalid username or password.");
    };

    if (path === "/api/whoami-v2") {
      mustKnow();
      return json({ type: "user", name: OWNER, auth: { type: "access_token" } });
    }
    if (path === "/api/repos/create") {
      mustKnow();
      const asked = JSON.parse(`${body}`);
      const id = `${asked.organization}/${asked.name}`;
      if (asked.organization !== OWNER)
        throw new Refused(403, "You don't have the rights to create a model here");
      if (this.#repos.has(id)) throw new Refused(409, "You already created this model repo");
      this.#commit(
        this.#make(id, { kind: asked.type, isPrivate: asked.visibility === "private" }),
        new Map(),
      );
      return json({ url: `${this.endpoint}/${id}`, id });
    }
    const upload = /^\/lfs\/([0-9a-f]{64})$/.exec(path);
    if (upload?.[1] !== undefined) {
      if (sha256(body) !== upload[1]) throw new Refused(400, "wrong content");
      this.#large.set(upload[1], body);
      return response.writeHead(200).end();
    }
    const batch = /^\/(?:datasets\/)?([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path);
    if (batch !== null) {
      mustKnow();
      const objects = JSON.parse(`${body}`).objects.map(({ oid, size }: { oid: string; size: number }) => ({
        oid,
        size,
        ...(!this.#large.has(oid) && { actions: { upload: { href: `${this.endpoint}/lfs/${oid}` } } }),
      }));
      return json({ transfer: "basic", objects });
    }
    const api = /^\/api\/(model|dataset)s\/([^/]+\/[^/]+)(?:\/(revision|tree|preupload|commit)\/(.+))?$/.exec(
      path,
    );
    if (api !== null) {
      const [, kind = "", id = "", what = "revision", revision = "main"] = api;
      const repo = this.#repo(id, kind, isKnown);
      if (what === "preupload" || what === "commit") mustKnow();
      if (what === "preupload") {
        const files = JSON.parse(`${body}`).files.map(({ path, size }: { path: string; size: number }) => ({
          path,
          uploadMode: size >= LARGE ? "lfs" : "regular",
        }));
        return json({ files });
      }
      if (what === "commit") return json(this.#receive(repo, revision, `${body}`));
      const [commit, files] = found(repo, revision);
      if (what === "revision") {
        return json({
          _id: "0",
          id,
          sha: commit,
          private: repo.isPrivate === true,
          lastModified: "2024-01-01T00:00:00Z",
          siblings: [...files.keys()].map((path) => ({ rfilename: path })),
        });
      }
      if (repo.isGated && !isKnown) throw gated(401);
      return this.#listing(files, url, json);
    }
    const file = /^\/(datasets\/)?([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    if (file !== null) {
      const [, dataset, id = "", revision = "", name = ""] = file;
      const repo = this.#repo(id, dataset === undefined ? "model" : "dataset", isKnown);
      if (repo.isGated) throw gated(isKnown ? 403 : 401);
      const [commit, files] = found(repo, revision);
      const data = files.get(name);
      if (data === undefined) throw new Refused(404, "Entry not found", "EntryNotFound");
      response.setHeader("x-repo-commit", commit);
      if (data.length >= LARGE) {
        response.setHeader("x-linked-etag", `"${sha256(data)}"`);
        response.setHeader("x-linked-size", data.length);
        response.writeHead(302, { location: `${addressOf(this.#cdn)}/${sha256(data)}?name=${name}` }).end();
        return;
      }
      response.setHeader("etag", `"${gitBlob(data)}"`);
      return this.#send(data, name, request, response);
    }
    throw new Refused(404, "Sorry, we can't find the page you are looking for.");
  }

  #repo(id: string, kind: string, isKnown: boolean): Repo {
    const repo = this.#repos.get(id);
    if (repo === undefined || (repo.kind ?? "model") !== kind || (repo.isPrivate && !isKnown)) {
      throw new Refused(isKnown ? 404 : 401, "Repository not found", "RepoNotFound");
    }
    return repo;
  }

  #listing(
    files: ReadonlyMap<string, Buffer>,
    url: URL,
    json: (value: unknown, headers?: object) => void,
  ): void {
    const folders = new Set(
      [...files.keys()].filter((path) => path.includes("/")).map((path) => path.replace(/\/[^/]*$/, "")),
    );
    const all = [
      ...[...folders].map((path) => ({ type: "directory", path, size: 0, oid: "0".repeat(40) })),
      ...[...files].map(([path, data]) => ({
        type: "file",
        path,
        size: data.length,
        oid: gitBlob(data),
        ...(data.length >= LARGE && { lfs: { oid: sha256(data), size: data.length, pointerSize: 130 } }),
      })),
    ];
    const at = Number(url.searchParams.get("cursor") ?? 0);
    const next = new URL(url);
    next.searchParams.set("cursor", String(at + this.pageSize));
    const isLast = at + this.pageSize >= all.length;
    json(all.slice(at, at + this.pageSize), isLast ? {} : { link: `<${next.href}>; rel="next"` });
  }

  #serveLarge(path: string, request: IncomingMessage, response: ServerResponse): void {
    const data = this.#large.get(path.slice(1));
    if (data === undefined) throw new Refused(404, "no such content");
    const name = new URL(request.url ?? "", this.endpoint).searchParams.get("name") ?? "";
    this.#send(data, name, request, response);
  }

  #send(content: Buffer, name: string, request: IncomingMessage, response: ServerResponse): void {
    const data = this.damaged.has(name) ? Buffer.concat([Buffer.from("?"), content.subarray(1)]) : content;
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const rest = data.subarray(from);
    const headers = {
      "content-length": rest.length,
      ...(from > 0 && { "content-range": `bytes ${from}-${data.length - 1}/${data.length}` }),
    };
    response.writeHead(from > 0 ? 206 : 200, headers);
    const cut = request.method === "GET" ? this.cuts.shift() : undefined;
    if (request.method === "HEAD") response.end();
    else if (cut === undefined) response.end(rest);
    else response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
  }

  #receive(repo: Repo, revision: string, body: string): object {
    const files = new Map<string, Buffer>();
    const removed: string[] = [];
    for (const line of body.split("\n")) {
      const { key, value } = JSON.parse(line);
      if (key === "header") this.summaries.push(value.summary);
      if (key === "file") files.set(value.path, Buffer.from(value.content, value.encoding ?? "utf-8"));
      if (key === "deletedFile") removed.push(value.path);
      if (key === "lfsFile") {
        const data = this.#large.get(value.oid);
        if (data === undefined) throw new Refused(400, `${value.path} was not uploaded`);
        files.set(value.path, data);
      }
    }
    const commitOid = this.#commit(repo, files, revision);
    for (const path of removed) repo.commits.get(commitOid)?.delete(path);
    return { success: true, commitOid, commitUrl: `${this.endpoint}/commit/${commitOid}`, hookOutput: "" };
  }
}

const gated = (status: number) =>
  new Refused(status, "Access to model is restricted and you are not in the authorized list", "GatedRepo");

function found(repo: Repo, revision: string): [commit: string, files: ReadonlyMap<string, Buffer>] {
  const commit = repo.branches.get(revision) ?? revision;
  const files = repo.commits.get(commit);
  if (files === undefined) throw new Refused(404, `Invalid rev id: ${revision}`, "RevisionNotFound");
  return [commit, files];
}

function listening(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(answer);
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function addressOf(server: Server | undefined): string {
  const address = server?.address();
  if (!isAddress(address)) throw new Error("the server is not running");
  return `http://127.0.0.1:${address.port}`;
}

/** An address at which nothing listens. */
export async function deadEndpoint(): Promise<string> {
  const server = await listening(() => {});
  const address = addressOf(server);
  await new Promise((resolve) => server.close(resolve));
  return address;
}

const isAddress = (address: string | AddressInfo | null | undefined): address is AddressInfo =>
  typeof address === "object" && address !== null;

export const sha256 = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex");
/** The name that git gives a content. */
export const gitBlob = (data: Uint8Array): string =>
  createHash("sha1").update(`blob ${data.length}\0`).update(data).digest("hex");
