// Unexpected answers of a Hub or of a proxy before it.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { failure } from "./support.ts";

const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const PAGE = "<!DOCTYPE html><html><body>Please sign in to the network</body></html>";

let answer: RequestListener = () => {};
const server = createServer((request, response) => {
  request.resume();
  answer(request, response);
});
let host = "";
let home = "";
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  host = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "imago-hub-"));
  for (const name of ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"]) {
    vi.stubEnv(name, "");
  }
  vi.stubEnv("HF_ENDPOINT", `http://${host}`);
  vi.stubEnv("HF_HOME", home);
  vi.stubEnv("HF_TOKEN", "hf_ofTheTests");
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

const said =
  (body: string | Uint8Array, type = "application/json"): RequestListener =>
  (_, response) =>
    response.writeHead(200, { "content-type": type }).end(body);
const drawn = () => failure(["sample", "hf:me/model", "--out", join(home, "never.png")]);

describe("a web page in place of", () => {
  const words = (where: string, what: string) => ({
    code: 1,
    line: `hf:me/model: ${where} answered with a web page (HTML) in place of ${what}; a proxy or a page to sign in may stand in between: check the network and HF_ENDPOINT`,
  });

  test("the Hub's words, whatever it calls itself", async () => {
    for (const type of ["text/html; charset=utf-8", "application/json", "text/plain"]) {
      answer = said(PAGE, type);
      expect(await drawn()).toEqual(words(host, "the Hub's JSON"));
    }
  });

  test("a page to sign in that the request is led to", async () => {
    answer = (request, response) => {
      if (request.url === "/sign-in") return said(PAGE, "text/html")(request, response);
      response.writeHead(302, { location: `http://localhost:${host.split(":")[1]}/sign-in` }).end();
    };
    expect(await drawn()).toEqual(words(`localhost:${host.split(":")[1]}`, "the Hub's JSON"));
  });

  test("a file", async () => {
    answer = (request, response) => {
      const { url = "" } = request;
      const file = { type: "file", path: "model_index.json", size: PAGE.length, oid: "0".repeat(40) };
      if (url.includes("/resolve/")) return said(PAGE, "text/html")(request, response);
      said(JSON.stringify(url.includes("/tree/") ? [file] : { id: "me/model", sha: COMMIT }))(
        request,
        response,
      );
    };
    expect(await drawn()).toEqual(words(host, "model_index.json"));
  });
});

test("other odd answers are told in one line that names what is wrong with them", async () => {
  for (const [body, message] of [
    ["", "answered with nothing in place of the Hub's JSON"],
    ["\u0000\u001b[2J oh", String.raw`answered with what is no JSON ("\u0000\u001b[2J oh") in place of`],
    [Uint8Array.of(0xff, 0xfe, 0x00), "answered with what is no JSON"],
    ["{", 'answered with what is no JSON ("{") in place of'],
    ["null", "the server's answer is not the Hub's ("],
    ["[]", "the server's answer is not the Hub's ("],
    ["{}", "the server's answer is not the Hub's ("],
    ['{"sha": 3, "id": null}', "the server's answer is not the Hub's ("],
    [`{"sha": "${COMMIT}"}`, "the server's answer is not the Hub's ("],
  ] as const) {
    answer = said(body);
    const { code, line } = await drawn();
    expect(line).toContain(`hf:me/model: `);
    expect(line).toContain(message);
    expect(line).not.toMatch(/\p{Cc}/u);
    expect(code).toBe(1);
  }
});

test("a listing that never ends is given up", async () => {
  let pages = 0;
  answer = (request, response) => {
    const { url = "" } = request;
    if (!url.includes("/tree/"))
      return said(JSON.stringify({ id: "me/model", sha: COMMIT }))(request, response);
    pages++;
    response
      .writeHead(200, {
        "content-type": "application/json",
        link: `<http://${host}${url.split("?")[0]}?cursor=${pages}>; rel="next"`,
      })
      .end("[]");
  };
  expect((await drawn()).line).toContain("more than 1000 pages of files");
  expect(pages).toBe(1000);
});
