// Errors of the Hugging Face Hub, each one line that says what to do.

import { machine } from "#platform";
import { errorCode } from "../../platform/errors.ts";
import { plain } from "../plain.ts";

/** Why the Hub or its local cache did not provide what was requested. */
export type HubReason =
  | "name"
  | "repo"
  | "revision"
  | "file"
  | "gated"
  | "token"
  | "permission"
  | "content"
  | "offline"
  | "network"
  | "server"
  | "checksum";

/** Reasons of the network or the server: the same request may succeed later. */
const FAILURES: ReadonlySet<HubReason> = new Set(["network", "server", "checksum"]);

/** An error of the Hugging Face Hub, in one line; `reason` is its kind. */
export class HubError extends Error {
  override readonly name = "HubError";
  /** The kind of error, for programs that decide by it. */
  readonly reason: HubReason;

  constructor(reason: HubReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }

  /** Whether the request was right and only the transfer failed. */
  get isFailure(): boolean {
    return FAILURES.has(this.reason);
  }
}

/** What a request is about, for its error message. */
export interface Subject {
  /** "hf:OWNER/NAME", or "the Hub". */
  readonly label: string;
  /** Its web page, where terms are accepted. */
  readonly page: string;
  readonly revision?: string;
}

/** The endpoint and the token's origin: the settings that errors name. */
export interface Asker {
  /** The Hub's address, without a slash at its end. */
  readonly endpoint: string;
  /** Sent to the endpoint only, never to where it redirects. */
  readonly token?: string;
  /** Where the token was found, such as "HF_TOKEN". */
  readonly tokenFrom?: string;
}

/** An answer that reports a failure. */
export interface Refusal {
  readonly status: number;
  /** The Hub's X-Error-Code, such as "GatedRepo". */
  readonly code: string | null;
  /** The Hub's own message. */
  readonly message: string;
}

/** The error for an answer that reports a failure. */
export function refused({ status, code, message }: Refusal, subject: Subject, asker: Asker): HubError {
  const { label, page, revision = "main" } = subject;
  const from = asker.token === undefined ? undefined : `the token from ${asker.tokenFrom}`;
  if (code === "GatedRepo" || (status === 403 && /gated|restricted/i.test(message))) {
    const how =
      from === undefined ? "and set HF_TOKEN to a token of that account" : `with the account of ${from}`;
    return new HubError(
      "gated",
      `${label}: access is only given to those who accept its terms; accept them at ${page} ${how}`,
    );
  }
  if (code === "RevisionNotFound") {
    return new HubError(
      "revision",
      `${label}: it has no revision "${revision}"; give a branch, a tag or a commit that ${page} lists`,
    );
  }
  if (code === "EntryNotFound") {
    return new HubError("file", `${label}: a file is missing on the Hub (${message})`);
  }
  if (status === 401 && from !== undefined && code !== "RepoNotFound") {
    return new HubError(
      "token",
      `${label}: ${from} is not accepted; make a new one at ${asker.endpoint}/settings/tokens`,
    );
  }
  if (status === 401 || status === 404) {
    const how = from === undefined ? "set HF_TOKEN if it is private" : `whether ${from} may see it`;
    return new HubError(
      "repo",
      `${label}: there is no such repository, or it is private; check the name, or ${how}`,
    );
  }
  if (status === 403) {
    return new HubError(
      "permission",
      `${label}: this is not permitted (${message}); ${from === undefined ? "set HF_TOKEN" : `use another one than ${from}`}`,
    );
  }
  const words = status === 429 ? "too many requests" : message;
  return new HubError(
    "server",
    `${label}: ${new URL(asker.endpoint).host} answered ${status} (${words}); try again later`,
  );
}

/**
 * The error for a successful answer with unexpected content.
 * @param host the server that sent it
 */
export function strange(host: string, what: string, expected: string, { label }: Subject): HubError {
  return new HubError(
    "server",
    `${label}: ${host} answered with ${what} in place of ${expected}; a proxy or a page to sign in may stand in between: check the network and HF_ENDPOINT`,
  );
}

/** A guess at an answer's content from its beginning. */
export function kindOfAnswer(type: string | null, body: Uint8Array): string {
  const text = new TextDecoder().decode(body.subarray(0, 1000)).trim();
  if (/^<!doctype html|^<html/i.test(text) || /^text\/html\b/i.test(type ?? "")) return "a web page (HTML)";
  if (text === "") return "nothing";
  return `what is no JSON ("${plain(text.slice(0, 40))}")`;
}

/** The error for a request without an answer. */
export function unreachable(error: unknown, { label }: Subject, { endpoint }: Asker): HubError {
  return new HubError(
    "network",
    `${label}: ${new URL(endpoint).host} cannot be reached (${networkCause(error)}); check the network${
      machine.environment.HF_ENDPOINT === undefined ? "" : " and HF_ENDPOINT"
    }`,
    { cause: error },
  );
}

/** "ENOTFOUND", "ECONNREFUSED", ...: `fetch` puts the reason into its error's cause. */
function networkCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = errorCode(error);
  if (code) return code;
  if (error instanceof AggregateError && error.errors.length > 0) return networkCause(error.errors[0]);
  return error.cause === undefined ? plain(error.message) : networkCause(error.cause);
}
