// A temporary folder for a test file, or for each of its tests.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";

/**
 * The path of what has these names within the folder; of the folder itself without any.
 * @throws Error before the tests begin, such as in `describe`, when there is no folder yet
 */
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
    folder: (...names: string[]) => {
      if (path === "") throw new Error("the folder is made when tests begin: ask for it inside of one");
      return join(path, ...names);
    },
    make: async () => {
      path = await mkdtemp(join(tmpdir(), "imago-test-"));
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}
