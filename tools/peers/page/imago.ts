// Imago on WebGPU.

import { Device, findGpu } from "../../../src/engine/backends/webgpu/device.ts";
import { WebgpuBackend } from "../../../src/engine/backends/webgpu/webgpu_backend.ts";
import { grad, type Tensor, variable } from "../../../src/engine/tensor.ts";
import { VERSION } from "../../../src/version.ts";
import type { Library, Prepared, Values } from "./library.ts";
import { convolutionShapes } from "./operands.ts";
import type { Operation } from "./plan.ts";

export const imago: Library = { name: "Imago", version: VERSION, layout: "NHWC, HWIO", prepare };

async function prepare(operation: Operation, operands: readonly Values[], calls: number): Promise<Prepared> {
  // Variables live as long as their backend, so each operation has its own.
  const backend = await WebgpuBackend.open(await Device.open(await findGpu()));
  try {
    return await compile(backend, operation, operands, calls);
  } catch (error) {
    await backend.close();
    throw error;
  }
}

async function compile(
  backend: WebgpuBackend,
  operation: Operation,
  operands: readonly Values[],
  calls: number,
): Promise<Prepared> {
  const { variables, outputs } = graphOf(operation);
  // A program keeps what depends only on variables that were not written since it ran last. So each call of a row of
  // calls is a program of its own, and all variables are written again before the next row.
  const renew = (): void => {
    for (const [i, one] of variables.entries()) backend.write(one, operands[i]);
  };
  renew();
  const programs = await Promise.all(
    Array.from({ length: calls }, () => backend.compile({ name: operation.kind, inputs: [], outputs })),
  );
  return {
    queue: backend.device.gpu.queue,
    renew,
    call: (number) => void programs[number].begin([]),
    submit: () => backend.device.check(),
    results: async () => (await programs[0].run([])).map((values) => new Float32Array(values)),
    dispose: () => backend.close(),
  };
}

function graphOf(operation: Operation): { readonly variables: Tensor[]; readonly outputs: Tensor[] } {
  if (operation.kind === "product") {
    const { size } = operation;
    const [a, b] = [variable([size, size], "a"), variable([size, size], "b")];
    return { variables: [a, b], outputs: [a.matmul(b)] };
  }
  const shapes = convolutionShapes(operation);
  const [image, filters] = [variable(shapes.image, "image"), variable(shapes.filters, "filters")];
  const y = image.conv2d(filters, { stride: [1, 1], padding: [1, 1, 1, 1] });
  if (!operation.gradients) return { variables: [image, filters], outputs: [y] };
  const gradient = variable(shapes.result, "gradient");
  return {
    variables: [image, filters, gradient],
    outputs: [y, ...grad(y.mul(gradient).sum(), [image, filters])],
  };
}
