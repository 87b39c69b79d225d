// imago studio: serves the page of the studio until it is interrupted.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { errorCode } from "../../platform/errors.ts";
import { VERSION } from "../../version.ts";
import { UsageError } from "../errors.ts";
import { onInterrupt } from "../interrupt.ts";
import { createOutput } from "../output.ts";
import { DataSets } from "./data_sets.ts";
import { Models } from "./models.ts";
import { openInBrowser } from "./open_in_browser.ts";
import { type PageFiles, readPage } from "./page_files.ts";
import { Runs } from "./runs.ts";
import { createStudioServer } from "./server.ts";
import { Trainings } from "./trainings.ts";

export interface StudioFlags {
  readonly port?: number;
  readonly host?: string;
  readonly open: boolean;
  readonly json?: boolean;
}

const LOOPBACK = "127.0.0.1";
/** Tried first, so that the address stays the same; a free one where it is taken. */
const USUAL_PORT = 7860;

export async function studio(folder: string, flags: StudioFlags): Promise<void> {
  const output = createOutput(flags.json === true);
  const { host = LOOPBACK } = flags;
  const isOpen = flags.host !== undefined && !isLoopback(host);
  const token = isOpen ? randomBytes(18).toString("base64url") : null;
  const page = await builtPage();
  const runs = new Runs(resolve(folder));
  const trainings = new Trainings([process.execPath, ...process.execArgv, process.argv[1]]);
  const dataSets = new DataSets();
  const hosts = new Set<string>();
  const server = createStudioServer({
    page,
    runs,
    models: new Models(runs.root),
    trainings,
    dataSets,
    mayNameAny: !isOpen,
    access: { hosts: isOpen ? null : hosts, token },
    about: { imago: VERSION, runs: folder, mayNameAny: !isOpen },
  });
  const { port } = await listen(server, host, flags.port);
  for (const name of [LOOPBACK, "localhost", "[::1]"]) hosts.add(`${name}:${port}`);
  const shown = isIPv6(host) ? `[${host}]` : host;
  const address = `http://${shown}:${port}/${token === null ? "" : `?token=${token}`}`;
  output.event({ event: "studio", address, runs: runs.root });
  output.line(`the studio is at ${address}`);
  output.line(`runs and models are in ${runs.root}; Ctrl-C ends it`);
  if (isOpen) output.warn(`${host} lets other machines in: whoever has the address can train here`);
  if (flags.open) await openInBrowser(address);
  await new Promise<void>((done) => {
    const release = onInterrupt(() => {
      release();
      done();
    });
  });
  output.line("stopping; trainings write a checkpoint first");
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  dataSets.closeAll();
  await Promise.all([closed, trainings.close()]);
}

/** Where the page is: beside the published command, or built in a clone. */
const PAGES = ["../studio", "../../../dist/studio"];

/** @throws UsageError where it is not built */
async function builtPage(): Promise<PageFiles> {
  for (const place of PAGES) {
    const page = await readPage(fileURLToPath(new URL(place, import.meta.url)));
    if (page.has("/")) return page;
  }
  throw new UsageError("the studio's page is not built; npm run build:studio builds it in a clone");
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || host.startsWith("127.");

/** @throws UsageError for an address that cannot be had */
async function listen(server: Server, host: string, port: number | undefined): Promise<AddressInfo> {
  const attempt = async (wanted: number): Promise<AddressInfo> => {
    server.listen(wanted, host);
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the server has no port");
    return address;
  };
  try {
    return await attempt(port ?? USUAL_PORT);
  } catch (error) {
    if (port === undefined && errorCode(error) === "EADDRINUSE") return attempt(0);
    const why = {
      EADDRINUSE: `port ${port} is taken; give another --port, or none for a free one`,
      EACCES: `port ${port} is not allowed; give one above 1023`,
      EADDRNOTAVAIL: `--host is "${host}", which is no address of this machine`,
      ENOTFOUND: `--host is "${host}", which is no address of this machine`,
    }[errorCode(error) ?? ""];
    if (why === undefined) throw error;
    throw new UsageError(why, { cause: error });
  }
}
