// A temporary folder for a test file, or for each of its tests.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";

/** The path of what has these names within the folder; of the folder itself without any. */
export type Folder = (...names: string[]) => string;

/** An empty folder for all tests that stand beside the call. */
export function testFolder(): Folder {
  const { folder, make, remove } = temporary();
  beforeAll(make);
  afterAll(remove);
  return folder;
}

/** An empty folder for each of them. */
export function freshFolder(): Folder {
  const { folder, make, remove } = temporary();
  beforeEach(make);
  afterEach(remove);
  return folder;
}

function temporary() {
  let path = "";
  return {
    folder: (...names: string[]) => join(path, ...names),
    make: async () => {
      path = await mkdtemp(join(tmpdir(), "imago-test-"));
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}
