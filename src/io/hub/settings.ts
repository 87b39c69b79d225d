// Settings of the Hub (endpoint, token, cache) from the environment variables of Python's huggingface_hub.

import { files, machine, paths } from "#platform";
import { explainSystemError, isMissing } from "../../platform/errors.ts";
import { decodeUtf8 } from "../text.ts";
import { type Asker, HubError } from "./errors.ts";

/** Endpoint, token and cache. */
export interface HubSettings extends Asker {
  /** The cache folder, shared with Python. */
  readonly cache: string;
  /** Nothing is requested over the network. */
  readonly offline: boolean;
  /** First pause before a retry (milliseconds); each further pause is twice as long. */
  readonly retryMs: number;
}

/** Options that override the environment. */
export interface HubOptions {
  /** An access token. Default: HF_TOKEN, HUGGING_FACE_HUB_TOKEN, or the file that `hf auth login` wrote. */
  readonly token?: string;
  /** Default: HF_ENDPOINT, or https://huggingface.co. */
  readonly endpoint?: string;
  /** Default: HF_HUB_CACHE, or hub/ in HF_HOME, or ~/.cache/huggingface/hub. */
  readonly cache?: string;
  /** Default: HF_HUB_OFFLINE. */
  readonly offline?: boolean;
}

const ENDPOINT = "https://huggingface.co";
const RETRY_MS = 500;
const TRUE = new Set(["1", "ON", "YES", "TRUE"]);
const MAX_TOKEN_BYTES = 4096;

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Endpoint, cache and token: from options, or else from the environment, as Python's huggingface_hub reads it.
 * @throws HubError for an invalid endpoint or token; FileError for a token file that cannot be read
 */
export async function hubSettings(
  options: HubOptions = {},
  env: Environment = machine.environment,
): Promise<HubSettings> {
  const xdg = set(env.XDG_CACHE_HOME) ?? paths.join(paths.home(), ".cache");
  const home = expanded(set(env.HF_HOME) ?? paths.join(xdg, "huggingface"));
  const cache = set(env.HF_HUB_CACHE) ?? set(env.HUGGINGFACE_HUB_CACHE) ?? paths.join(home, "hub");
  return {
    endpoint: checkedEndpoint(options.endpoint ?? set(env.HF_ENDPOINT) ?? ENDPOINT),
    cache: options.cache ?? expanded(cache),
    offline: options.offline ?? TRUE.has((env.HF_HUB_OFFLINE ?? "").toUpperCase()),
    retryMs: RETRY_MS,
    ...(await findToken(options.token, env, home)),
  };
}

async function findToken(given: string | undefined, env: Environment, home: string): Promise<Partial<Asker>> {
  const file = expanded(set(env.HF_TOKEN_PATH) ?? paths.join(home, "token"));
  const candidates: [from: string, text: string | undefined][] = [
    ["the option token", given],
    ["HF_TOKEN", env.HF_TOKEN],
    ["HUGGING_FACE_HUB_TOKEN", env.HUGGING_FACE_HUB_TOKEN],
  ];
  for (const [tokenFrom, text] of candidates) {
    const token = set(text);
    if (token !== undefined) return { token: checkedToken(token, tokenFrom), tokenFrom };
  }
  const token = set(await readIfThere(file));
  return token === undefined ? {} : { token: checkedToken(token, file), tokenFrom: file };
}

/** Blank values count as unset. */
function set(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  return trimmed === "" ? undefined : trimmed;
}

const expanded = (path: string): string => path.replace(/^~(?=$|[\\/])/, paths.home());

function checkedEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol)) {
    throw new HubError(
      "name",
      `HF_ENDPOINT is "${text}"; expected an address such as ${ENDPOINT}, or leave it out`,
    );
  }
  return text.replace(/\/+$/, "");
}

/** The token itself is never shown. */
function checkedToken(token: string, from: string): string {
  if (/^[\u0021-\u007e]+$/.test(token)) return token;
  throw new HubError(
    "token",
    `the token from ${from} holds spaces or other characters no token has; set it anew`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    const file = await files.open(path);
    try {
      const bytes = new Uint8Array(MAX_TOKEN_BYTES);
      return decodeUtf8(bytes.subarray(0, await file.readInto(bytes, 0)));
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explainSystemError(error, "read the token", path);
  }
}
