// A page that computes.

import { createBackend, grad, input } from "../../../src/index.ts";

/** d(x²)/dx on the reference backend. */
export async function square(values: number[]): Promise<number[]> {
  const x = input([values.length]);
  const [dx] = grad(x.mul(x).sum(), [x]);
  const backend = await createBackend({ backend: "reference" });
  const program = await backend.compile({ name: "square", inputs: [x], outputs: [dx] });
  const [gradient] = await program.run([Float32Array.from(values)]);
  return [...gradient];
}
