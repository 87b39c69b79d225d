// The files that the user chose or dropped, with their paths, which other workers are not told by the files themselves.

import { getFile, listFiles, mountFiles, type PlacedFile, unmountFiles } from "imago/browser";

/** Of an input element. */
export const chosenFiles = (files: Iterable<File>): PlacedFile[] =>
  [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

/**
 * Of a drop. Call it before the event's handler waits for anything.
 * @throws Error, in one line, if nothing was dropped that can be read
 */
export async function droppedFiles(dropped: DataTransfer): Promise<PlacedFile[]> {
  const path = await mountFiles(dropped);
  const found: PlacedFile[] = [];
  const walk = async (folder: string, inside: string): Promise<void> => {
    for (const { name, kind } of await listFiles(folder)) {
      const [own, placed] = [`${folder}/${name}`, inside === "" ? name : `${inside}/${name}`];
      if (kind === "folder") await walk(own, placed);
      else found.push({ path: placed, file: await getFile(own) });
    }
  };
  try {
    const root = path.split("/").slice(0, 3).join("/");
    await walk(root, "");
    return found;
  } finally {
    unmountFiles(path);
  }
}
