// Answers of the studio's server.

import type { ServerResponse } from "node:http";

export function sendJson(response: ServerResponse, json: unknown, status = 200): void {
  const text = JSON.stringify(json);
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(text);
}

export function sendPng(response: ServerResponse, bytes: Uint8Array): void {
  response.writeHead(200, {
    "Content-Type": "image/png",
    "Content-Length": bytes.length,
    "Cache-Control": "no-store",
  });
  response.end(bytes);
}
