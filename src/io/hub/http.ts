// Requests to the Hub: the token goes to the Hub only, answers are bounded, temporary failures are retried.

import { machine } from "#platform";
import * as exact from "../../engine/math/index.ts";
import { VERSION } from "../../version.ts";
import { plain } from "../plain.ts";
import { kindOfAnswer, type Refusal, refused, type Subject, strange, unreachable } from "./errors.ts";
import type { HubSettings } from "./settings.ts";

/** The longest answer read into memory (bytes): a page of a listing has some hundred kilobytes. */
const MAX_ANSWER_BYTES = 32 * 2 ** 20;
/** Longest wait for the first bytes of an answer (milliseconds). */
const ANSWER_MS = 30_000;
const TRIES = 4;
const MAX_PAUSE_MS = 30_000;

/**
 * A `fetch` for the Hub's API: it adds the token, reads the whole answer, and throws unless it succeeded.
 * @throws HubError (of the returned function)
 */
export function apiFetch(settings: HubSettings, subject: Subject, signal?: AbortSignal): typeof fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const method = init.method ?? "GET";
    // Only idempotent requests are retried. Only GET has a time limit, because sending may take long.
    const tries = method === "GET" || method === "PUT" ? TRIES : 1;
    return retrying(settings, tries, subject, signal, async () => {
      const asked = [
        signal,
        init.signal ?? undefined,
        method === "GET" ? AbortSignal.timeout(ANSWER_MS) : undefined,
      ];
      const answer = await fetch(url, {
        ...init,
        headers: requestHeaders(settings, url, init.headers),
        signal: AbortSignal.any(asked.filter((one) => one !== undefined)),
      });
      const body = await boundedBody(answer, url);
      if (!answer.ok) throw new RefusedAnswer(refusalOf(answer, body), answer.headers.get("retry-after"));
      const hasBody = ![204, 205].includes(answer.status);
      // Answers to PUT are empty, or in any format of the storage.
      if (hasBody && method !== "PUT" && !isJson(body)) {
        const { host } = new URL(answer.url === "" ? url : answer.url);
        throw strange(
          host,
          kindOfAnswer(answer.headers.get("content-type"), body),
          "the Hub's JSON",
          subject,
        );
      }
      return new Response(hasBody ? body : null, { status: answer.status, headers: answer.headers });
    });
  };
}

/** Headers with the token, if the request goes to the Hub itself, and our name, except in browsers, which send theirs. */
export function requestHeaders(settings: HubSettings, url: URL, headers?: RequestInit["headers"]): Headers {
  const all = new Headers(headers);
  if (url.origin === new URL(settings.endpoint).origin) {
    all.delete("authorization");
    if (settings.token !== undefined) all.set("authorization", `Bearer ${settings.token}`);
  }
  if (!machine.hasOrigin) all.set("user-agent", `imago/${VERSION}; ${machine.runtime}`);
  return all;
}

/** An answer that reports a failure, before it becomes an error message. */
export class RefusedAnswer extends Error {
  readonly refusal: Refusal;
  /** Seconds to wait before a retry, if the server says so. */
  readonly retryAfter: number | undefined;

  constructor(refusal: Refusal, retryAfter: string | null) {
    super(`status ${refusal.status}`);
    this.refusal = refusal;
    const seconds = Number(retryAfter ?? Number.NaN);
    this.retryAfter = Number.isFinite(seconds) ? seconds : undefined;
  }

  get mayPass(): boolean {
    return this.refusal.status === 429 || this.refusal.status >= 500;
  }
}

/**
 * Makes a request up to `tries` times while failures may be temporary.
 * @throws HubError for the last failure; errors of neither the network nor the Hub are rethrown unchanged
 */
export async function retrying<T>(
  settings: HubSettings,
  tries: number,
  subject: Subject,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      const refusal = error instanceof RefusedAnswer ? error : undefined;
      if (refusal === undefined && !isNetworkError(error)) throw error;
      if (attempt >= tries || (refusal !== undefined && !refusal.mayPass)) {
        throw refusal ? refused(refusal.refusal, subject, settings) : unreachable(error, subject, settings);
      }
      await pause(settings.retryMs * exact.powerOfTwo(attempt - 1), refusal?.retryAfter, signal);
    }
  }
}

/** What Node, Chromium, Firefox and Safari say. */
const NETWORK_WORDS = /fetch failed|terminated|network|failed to fetch|input stream|load failed|connection/i;

/** Whether `fetch` could not connect, the connection broke, or our own time limit ended it. */
export function isNetworkError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "TimeoutError" || (error instanceof TypeError && NETWORK_WORDS.test(error.message));
}

async function pause(
  ms: number,
  askedSeconds: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const time = Math.min(MAX_PAUSE_MS, Math.max(ms, (askedSeconds ?? 0) * 1000));
  await new Promise<void>((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, time);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** An answer's content as it arrives. Not every browser iterates over streams. */
export async function* piecesOf(answer: Response): AsyncGenerator<Uint8Array, void, void> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return;
  let isWhole = false;
  try {
    for (let next = await reader.read(); next.value !== undefined; next = await reader.read())
      yield next.value;
    isWhole = true;
  } finally {
    // Whoever stops early wants no more; a broken connection is an error already.
    if (!isWhole) await reader.cancel().catch(() => {});
  }
}

async function boundedBody(answer: Response, url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of piecesOf(answer)) {
    length += part.length;
    if (length > MAX_ANSWER_BYTES) {
      throw new RefusedAnswer(
        {
          status: 413,
          code: null,
          message: `${url.pathname} answers with more than ${MAX_ANSWER_BYTES} bytes`,
        },
        null,
      );
    }
    parts.push(part);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

/** The Hub's explanation of a failure: from headers, JSON, or text. */
export function refusalOf(answer: Response, body: Uint8Array): Refusal {
  const words = answer.headers.get("x-error-message") ?? wordsOf(body) ?? answer.statusText;
  return { status: answer.status, code: answer.headers.get("x-error-code"), message: plain(words) };
}

function isJson(body: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
    return true;
  } catch {
    return false;
  }
}

function wordsOf(body: Uint8Array): string | undefined {
  const text = new TextDecoder().decode(body.subarray(0, 2000)).trim();
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null) return undefined;
    const said = "error" in json ? json.error : "message" in json ? json.message : undefined;
    return typeof said === "string" ? said : undefined;
  } catch {
    // HTML pages of proxies explain nothing.
    return text === "" || text.startsWith("<") ? undefined : text;
  }
}
