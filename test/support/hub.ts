// A local Hub for tests, set in the environment while a test file runs.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, sep } from "node:path";
import { afterAll, beforeAll, beforeEach, vi } from "vitest";
import { HubServer } from "../io/hub_server.ts";

/** Starts a Hub before the tests of a file, with an empty cache of its own. */
export function testHub(): HubServer {
  const hub = new HubServer();
  let home = "";
  beforeAll(async () => {
    await hub.start();
    home = await mkdtemp(join(tmpdir(), "imago-hub-"));
    const unset = [
      "HF_TOKEN",
      "HUGGING_FACE_HUB_TOKEN",
      "HF_TOKEN_PATH",
      "HF_HUB_CACHE",
      "HUGGINGFACE_HUB_CACHE",
    ];
    for (const name of [...unset, "HF_HUB_OFFLINE"]) vi.stubEnv(name, "");
    vi.stubEnv("HF_ENDPOINT", hub.endpoint);
    vi.stubEnv("HF_HOME", home);
  });
  beforeEach(() => hub.forget());
  afterAll(async () => {
    vi.unstubAllEnvs();
    await hub.stop();
    await rm(home, { recursive: true, force: true });
  });
  return hub;
}

/** The files of a folder as those of a repository: path with slashes -> content. */
export async function filesOf(folder: string): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[relative(folder, path).split(sep).join("/")] = await readFile(path);
  }
  return files;
}
