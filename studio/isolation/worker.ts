// The service worker that isolates the page on hosts which cannot send the headers for it: it adds them. It keeps nothing,
// and what needs no header does not pass through it.

/** As the server of `imago studio` sends them. */
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
} as const;
/** What an isolated page takes from its own host only with these headers. */
const PAGES: readonly string[] = ["document", "iframe", "worker", "sharedworker"];

interface FetchEvent extends Event {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** The worker's global scope. */
declare const self: {
  readonly location: Location;
  skipWaiting(): Promise<void>;
  addEventListener(type: "install", listener: () => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
};

self.addEventListener("install", () => void self.skipWaiting());
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const isOwn = new URL(request.url).origin === self.location.origin;
  if (isOwn && PAGES.includes(request.destination)) event.respondWith(isolated(request));
  else if (!isOwn && request.mode === "no-cors") event.respondWith(shared(request));
});

async function isolated(request: Request): Promise<Response> {
  const response = await fetch(request);
  // A redirection is the browser's to follow; it asks again for where it leads.
  if (response.type === "opaqueredirect") return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(HEADERS)) headers.set(name, value);
  const { body, status, statusText } = response;
  return new Response(body, { status, statusText, headers });
}

/** Pictures of other hosts: an isolated page may have them if their host lets pages read them. */
const shared = ({ url, signal }: Request): Promise<Response> =>
  fetch(url, { mode: "cors", credentials: "omit", signal });
