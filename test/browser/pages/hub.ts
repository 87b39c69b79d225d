// A page that asks the Hub.

import { type Asked, listCommit, resolveCommit } from "../../../src/io/hub/client.ts";
import { piecesOf, requestHeaders } from "../../../src/io/hub/http.ts";

const askedOf = (endpoint: string, id: string, token?: string): Asked => ({
  settings: {
    ...{ endpoint, cache: "/", offline: false, retryMs: 1 },
    ...(token !== undefined && { token, tokenFrom: "the test" }),
  },
  subject: { label: id, page: `${endpoint}/${id}` },
  kind: "model",
  id,
});

/** The files of a repository's main branch; or what is wrong. */
export async function list(endpoint: string, id: string, token?: string) {
  const asked = askedOf(endpoint, id, token);
  try {
    return await listCommit(asked, await resolveCommit(asked, "main"));
  } catch (error) {
    return String(error);
  }
}

/** A file's text from a byte on. */
export async function textFrom(endpoint: string, id: string, path: string, from: number, token?: string) {
  const { settings } = askedOf(endpoint, id, token);
  const url = new URL(`${endpoint}/${id}/resolve/main/${path}`);
  const answer = await fetch(url, { headers: requestHeaders(settings, url, { range: `bytes=${from}-` }) });
  let text = "";
  for await (const piece of piecesOf(answer)) text += new TextDecoder().decode(piece);
  return [answer.headers.get("content-range"), text];
}
