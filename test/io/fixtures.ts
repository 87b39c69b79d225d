// Paths of the files that diffusers and the Python libraries wrote, and folders that vanish after each test.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";

/** The path of a file under test/fixtures. */
export function fixture(...parts: string[]): string {
  return join(fileURLToPath(new URL("../fixtures", import.meta.url)), ...parts);
}

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder, removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "imago-io-"));
  folders.push(folder);
  return folder;
}
