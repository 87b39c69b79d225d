// The studio's server: the page, the runs and models of a folder, the trainings that the page starts, and data sets to look
// through.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import { describeError, isExplained } from "../errors.ts";
import { sendJson } from "./answers.ts";
import { bodyAs } from "./bodies.ts";
import { type DataStudio, dataApi } from "./data_routes.ts";
import { sendFolderFile } from "./folder_file.ts";
import { type Access, isToken, refusal, TOKEN_COOKIE } from "./guard.ts";
import { HttpError } from "./http_error.ts";
import type { Models } from "./models.ts";
import { notesSchema, readNotes, writeNotes } from "./notes.ts";
import { checkOpenTraining } from "./open_to_others.ts";
import type { PageFiles } from "./page_files.ts";
import { RUN_FILES } from "./run_files.ts";
import { nameOf } from "./runs.ts";
import { trainArguments, trainFormSchema } from "./train_form.ts";
import type { Begun, Trainings } from "./trainings.ts";

export interface Studio extends DataStudio {
  readonly page: PageFiles;
  readonly models: Models;
  readonly trainings: Trainings;
  readonly access: Access;
  /** What the page shows of this program. */
  readonly about: Readonly<Record<string, unknown>>;
  /** How long a connection may be quiet; then it is let go. Default: a minute. */
  readonly quietMs?: number;
}

/** Connections at once; more wait, and a browser opens six. */
const MOST_CONNECTIONS = 256;
/** Requests that are answered at once; the others wait for their turn. */
const MOST_AT_ONCE = 32;
/** Requests that wait; more are refused. */
const MOST_WAITING = 2000;
const SECOND = 1000;

/** Headers of every answer: the page is isolated, which threads need, and loads nothing from elsewhere. */
const HEADERS: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Content-Security-Policy": [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval' blob:",
    "worker-src 'self' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' blob: data:",
    // Pipelines from the Hub and from addresses that the user gives.
    "connect-src 'self' blob: https:",
    "frame-ancestors 'none'",
    "form-action 'none'",
    "base-uri 'none'",
  ].join("; "),
};

export function createStudioServer(studio: Studio): Server {
  const turns = new Turns(MOST_AT_ONCE, MOST_WAITING);
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    turns.take(() => answer(studio, request, response)).catch((error: unknown) => tellError(error, response));
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.headersTimeout = 10 * SECOND;
  server.requestTimeout = 30 * SECOND;
  server.keepAliveTimeout = 5 * SECOND;
  server.setTimeout(studio.quietMs ?? 60 * SECOND);
  return server;
}

async function answer(studio: Studio, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = "GET", headers, url = "/" } = request;
  const address = parse(url);
  if (acceptsToken(studio.access, address, headers.host, response)) return;
  const refused = refusal({ method, headers }, studio.access);
  if (refused !== undefined) throw new HttpError(403, refused);
  const parts = address.pathname.split("/").slice(1).map(decode);
  if (parts[0] === "api") return api(studio, request, response, parts.slice(1), address.searchParams);
  if (method !== "GET" && method !== "HEAD") throw new HttpError(405, `${method} is for /api only`);
  await sendPage(studio.page, address.pathname, request, response);
}

/** The address with the token sets a cookie, and goes on without it. @returns whether it was such a one */
function acceptsToken(
  { hosts, token }: Access,
  { pathname, searchParams }: URL,
  host: string | undefined,
  response: ServerResponse,
): boolean {
  const given = searchParams.get("token");
  if (token === null || given === null || !isToken(given, token)) return false;
  if (host === undefined || (hosts !== null && !hosts.has(host))) return false;
  response.setHeader("Set-Cookie", `${TOKEN_COOKIE}=${token}; HttpOnly; SameSite=Strict; Path=/`);
  response.setHeader("Location", pathname);
  response.writeHead(303).end();
  return true;
}

async function api(
  studio: Studio,
  request: IncomingMessage,
  response: ServerResponse,
  parts: readonly string[],
  query: URLSearchParams,
): Promise<void> {
  if (parts[0] === "data") return dataApi(studio, request, response, parts.slice(1), query);
  const { page, runs, models, trainings, about } = studio;
  const { method = "GET" } = request;
  if (parts[0] === "models" && method === "GET") {
    if (parts.length === 1) return sendJson(response, await models.list());
    // Their names, paths among them, are in the query: what is added to an address comes behind its path.
    if (parts[1] === "files") {
      return models.send(response, query.get("model") ?? "", parts.slice(2).join("/"));
    }
  }
  const [what, name, part, ...rest] = parts;
  const route = `${method === "HEAD" ? "GET" : method} ${what}${name === undefined ? "" : "/:name"}${part === undefined ? "" : `/${part}`}`;
  switch (route) {
    case "GET studio":
      return sendJson(response, { ...about, hasDocs: page.has("/docs/index.html") });
    case "GET runs":
      return sendJson(response, await runs.list());
    case "GET runs/:name":
      return sendJson(response, {
        ...(await runs.details(name)),
        notes: await readNotes(await runs.folderOf(name)),
      });
    case "GET runs/:name/files":
      return sendFolderFile(
        response,
        (await runs.folderOf(name)).path,
        rest.join("/"),
        RUN_FILES,
        fromOf(query),
      );
    case "PUT runs/:name/notes":
      await writeNotes(await runs.folderOf(name), (await bodyAs(request, notesSchema)).text);
      return sendJson(response, {});
    case "POST runs/:name/stop":
      trainings.stop((await runs.folderOf(name)).path);
      return sendJson(response, {});
    case "POST runs/:name/pause":
      trainings.pause((await runs.folderOf(name)).path);
      return sendJson(response, {});
    case "POST runs/:name/unpause":
      trainings.unpause((await runs.folderOf(name)).path);
      return sendJson(response, {});
    case "POST runs/:name/resume":
      return sendBegun(response, await trainings.start((await runs.folderOf(name)).path, ["--resume"]));
    case "GET trainings":
      return sendJson(
        response,
        trainings.list().map(({ out, ...status }) => ({ ...status, name: nameOf(runs.root, out) })),
      );
    case "POST trainings": {
      const form = await bodyAs(request, trainFormSchema);
      if (!studio.mayNameAny) checkOpenTraining(form);
      return sendBegun(response, await trainings.start(join(runs.root, form.name), trainArguments(form)));
    }
    default:
      throw new HttpError(404, `there is no ${route}`);
  }
}

/** What imago train refuses is shown in the form. */
function sendBegun(response: ServerResponse, begun: Begun): void {
  if ("refused" in begun) throw new HttpError(422, begun.refused);
  sendJson(response, begun);
}

/** The first byte that a request asks for. */
function fromOf(query: URLSearchParams): number | undefined {
  const from = query.get("from");
  if (from === null) return undefined;
  if (/^\d{1,15}$/.test(from)) return Number(from);
  throw new HttpError(400, `from is "${from}"; expected a number of bytes`);
}

async function sendPage(
  page: PageFiles,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const file = page.get(path);
  if (file === undefined) throw new HttpError(404, `${path} is not there`);
  const { plain, packed } = await file.read();
  const takesPacked = /\bgzip\b/.test(String(request.headers["accept-encoding"]));
  const content = (takesPacked ? packed : undefined) ?? plain;
  response.writeHead(200, {
    "Content-Type": file.type,
    "Content-Length": content.length,
    "Cache-Control": file.isLasting ? "public, max-age=31536000, immutable" : "no-cache",
    Vary: "Accept-Encoding",
    ...(content === packed && { "Content-Encoding": "gzip" }),
  });
  response.end(request.method === "HEAD" ? undefined : content);
}

function tellError(error: unknown, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const status = error instanceof HttpError ? error.status : isExplained(error) ? 422 : 500;
  const message = error instanceof HttpError ? error.message : describeError(error).line;
  // The rest of a body that is too large is not read.
  response.setHeader("Connection", "close");
  sendJson(response, { error: message }, status);
}

function parse(url: string): URL {
  try {
    return new URL(url, "http://studio");
  } catch {
    throw new HttpError(400, "the address cannot be read");
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new HttpError(400, "the address cannot be read");
  }
}

/** Lets some pieces of work run at once, and some wait. */
class Turns {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  async take(work: () => Promise<void>): Promise<void> {
    if (this.#running >= this.#most) {
      if (this.#waiting.length >= this.#mostWaiting) throw new HttpError(503, "too many requests at once");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
    try {
      await work();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}
