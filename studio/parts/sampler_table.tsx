// What several samplers draw from the same noise, row by row.

import { comparison } from "../engine/comparison.ts";
import { Picture } from "./picture.tsx";

export function SamplerTable() {
  const rows = comparison.value;
  if (rows === null) return null;
  return (
    <article class="panel" aria-label="samplers compared">
      <h2>From the same noise</h2>
      <div class="scroll">
        <table class="samplers">
          <thead>
            <tr>
              <th scope="col">scheduler</th>
              <th scope="col">pictures</th>
              <th scope="col">seconds</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ scheduler, pictures, seconds, problem }) => (
              <tr key={scheduler}>
                <th scope="row">{scheduler}</th>
                <td>
                  {problem !== null && <span class="problem">{problem}</span>}
                  <div class="strip">
                    {pictures !== null &&
                      Array.from({ length: pictures.count }, (_, i) => (
                        <Picture
                          key={i}
                          pictures={pictures}
                          index={i}
                          label={`picture ${i + 1} by ${scheduler}`}
                        />
                      ))}
                  </div>
                </td>
                <td>{seconds === null ? "" : seconds.toFixed(1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </article>
  );
}
