// A page that is given files.

import { files, paths } from "#platform";
import { mountFiles, unmountFiles } from "../../../src/platform/browser/files/mounts.ts";

/** What everything below a path holds, and what cannot be done with it. */
export async function look(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const walk = async (at: string): Promise<void> => {
    if ((await files.stat(at)).isFile) found[at] = await files.readText(at);
    else for (const name of await files.list(at)) await walk(paths.join(at, name));
  };
  await walk(path);
  return found;
}

const refusal = (work: () => Promise<unknown>): Promise<string> =>
  work().then(
    () => "done",
    (error: unknown) => String(error),
  );

/** Files as an input gives them: with the folders of their paths. */
function inputFiles(contents: Readonly<Record<string, string>>): File[] {
  return Object.entries(contents).map(([path, content]) => {
    const file = new File([content], path.split("/").at(-1) ?? "");
    if (path.includes("/")) Object.defineProperty(file, "webkitRelativePath", { value: path });
    return file;
  });
}

export const mount = (contents: Record<string, string>) => mountFiles(inputFiles(contents));
export const mountPlaced = (contents: Record<string, string>) =>
  mountFiles(Object.entries(contents).map(([path, content]) => ({ path, file: new File([content], "own") })));
export const mountRefused = (contents: [string, string][]) =>
  refusal(() => mountFiles(contents.flatMap(([path, content]) => inputFiles({ [path]: content }))));
export const unmount = (path: string) => unmountFiles(path);
export const exists = (path: string) => files.exists(path);
export const read = (path: string) => refusal(() => files.readText(path));

/** Everything that would change something. */
export const changes = (path: string) =>
  Promise.all(
    [
      () => files.writeFileAtomic(path, "x"),
      () => files.replaceDirAtomic(path, async () => {}),
      () => files.removeFolder(path),
      () => files.makeFolder(`${path}/x`),
      () => files.rename(path, "/x"),
      () => files.remove(path),
      () => files.removeAll(path),
      () => files.openToAppend(path),
      () => files.openSync(path, "r+"),
      () => files.lockOf(path, ".lock").acquire(),
      () => files.addName(path, `${path}2`, false),
    ].map(refusal),
  );

/** Reads a mounted file as the library does: by place, at once, and into the page's own files. */
export async function use(path: string): Promise<unknown> {
  const file = await files.open(path);
  const range = new TextDecoder().decode(await file.read(1, 2));
  await file.close();
  const sync = await files.openSync(path, "r");
  const bytes = new Uint8Array(2);
  sync.read(bytes, 2);
  await sync.close();
  await files.addName(path, "/copy", false);
  await files.repairFolder(paths.dirname(path));
  return {
    range,
    sync: new TextDecoder().decode(bytes),
    copy: await files.readText("/copy"),
    replacement: await files.replacementOf(path),
    real: await files.realPath(`${path}/../${paths.basename(path)}`),
  };
}

/** A folder of handles, as a picker gives it. */
export async function mountPicked(contents: Record<string, string>): Promise<string> {
  for (const [path, content] of Object.entries(contents)) await files.writeFileAtomic(path, content);
  const root = await navigator.storage.getDirectory();
  return mountFiles(await root.getDirectoryHandle("picked"));
}
export const write = (path: string, content: string) => files.writeFileAtomic(path, content);

/** Mounts what is dropped next. */
export function awaitDrop(): void {
  document.addEventListener("dragover", (event) => event.preventDefault());
  Reflect.set(
    globalThis,
    "dropped",
    new Promise((resolve, reject) => {
      document.addEventListener("drop", (event) => {
        event.preventDefault();
        if (event.dataTransfer) mountFiles(event.dataTransfer).then(resolve, reject);
      });
    }),
  );
}
export const dropped = (): Promise<string> => Reflect.get(globalThis, "dropped");

/** Mounts what an input was given. */
export const mountInput = (): Promise<string> => {
  const input = document.querySelector("input");
  return mountFiles(input?.files ?? []);
};
export function addInput(isFolder: boolean): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.webkitdirectory = isFolder;
  document.body.replaceChildren(input);
}
