// A small web server on the loopback interface: files from memory or a folder, with or without the headers that isolate a
// page from other origins.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** What a page must be served with to share memory between its threads. */
const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

export interface Site {
  /** Without a slash at its end. */
  readonly url: string;
  /** Serves a text at a path that begins with "/". @param type of its content; default: by the path's ending */
  put(path: string, text: string, options?: { readonly type?: string }): void;
  close(): Promise<void>;
}

export interface SiteOptions {
  /** Whether pages are cross-origin isolated. */
  readonly isolated?: boolean;
  /** A folder whose files are served too. */
  readonly folder?: string;
  /** Lets pages of other origins read. */
  readonly cors?: boolean;
  /** Takes what a page sends. */
  readonly onPost?: (body: string) => void;
}

export async function openSite({
  isolated = false,
  folder,
  cors = false,
  onPost,
}: SiteOptions = {}): Promise<Site> {
  const texts = new Map<string, { readonly text: string; readonly type: string | undefined }>();
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = decodeURIComponent(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
    const headers = {
      "content-type": TYPES[extname(path)] ?? "application/octet-stream",
      ...(isolated && ISOLATION),
      ...(cors && { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" }),
    };
    if (request.method === "POST" && onPost !== undefined) {
      const pieces: Buffer[] = [];
      request.on("data", (piece: Buffer) => pieces.push(piece));
      request.on("end", () => {
        onPost(Buffer.concat(pieces).toString());
        response.writeHead(204, headers).end();
      });
      return;
    }
    const known = texts.get(path);
    if (known !== undefined) {
      const { text, type = headers["content-type"] } = known;
      response.writeHead(200, { ...headers, "content-type": type }).end(text);
      return;
    }
    const file = folder === undefined ? undefined : join(folder, normalize(path));
    const info = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
    if (file === undefined || !info?.isFile()) {
      response.writeHead(404, headers).end("not found");
      return;
    }
    response.writeHead(200, { ...headers, "content-length": info.size });
    createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    put: (path, text, { type } = {}) => texts.set(path, { text, type }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
