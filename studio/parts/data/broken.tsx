// The files that are no images, with the reason.

import { useState } from "preact/hooks";
import type { DataSummary } from "../../places/data_place.ts";
import { count } from "./summary.tsx";

/** Files that are listed at first. */
const FILES = 10;

export function Broken({ summary: { broken } }: { readonly summary: DataSummary }) {
  const [most, setMost] = useState(FILES);
  const { files, listed } = broken;
  if (files === 0) return null;
  return (
    <section class="broken" aria-label="broken files">
      <h3>
        {count(files)} broken {files === 1 ? "file" : "files"}
      </h3>
      <p class="quiet">
        They cannot be read as images and are left out here. Training refuses them, unless --skip-broken
        leaves them out.
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">file</th>
            <th scope="col">what is wrong</th>
          </tr>
        </thead>
        <tbody>
          {listed.slice(0, most).map(({ file, problem }) => (
            <tr key={file}>
              <td>{file}</td>
              <td>{problem}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {listed.length > most && (
        <button type="button" onClick={() => setMost(most + 10 * FILES)}>
          more of {count(files)} files
        </button>
      )}
      {files > listed.length && most >= listed.length && (
        <p class="quiet">The first {count(listed.length)} are listed.</p>
      )}
    </section>
  );
}
