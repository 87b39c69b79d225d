// Bodies of requests: JSON, and not large.

import type { IncomingMessage } from "node:http";
import * as v from "valibot";
import { HttpError } from "./http_error.ts";

/** More than any form of the page sends. */
const MOST_BYTES = 2 ** 18;

/** @throws HttpError for a body that is too large, no JSON, or of another form */
export async function bodyAs<Schema extends v.GenericSchema>(
  request: IncomingMessage,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  if (!/^application\/json\b/.test(request.headers["content-type"] ?? "")) {
    throw new HttpError(415, "expected a body of application/json");
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > MOST_BYTES) throw new HttpError(413, `the body is larger than ${MOST_BYTES} bytes`);
    parts.push(part);
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new HttpError(400, "the body is no JSON");
  }
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new HttpError(400, `${v.getDotPath(issue) ?? "the body"}: ${issue.message}`);
}
