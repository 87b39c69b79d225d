// jax-js on WebGPU. Its arrays are counted: a function takes those that it is given, `ref` keeps one.

import {
  defaultDevice,
  getWebGPUDevice,
  init,
  type Array as JaxArray,
  jit,
  lax,
  numpy,
  vjp,
} from "@jax-js/jax";
import packageJson from "../../../package.json" with { type: "json" };
import type { Library, Prepared, Values } from "./library.ts";
import { convolutionShapes } from "./operands.ts";
import { permute } from "./permute.ts";
import type { Operation } from "./plan.ts";

export const jax: Library = {
  name: "jax-js",
  version: packageJson.devDependencies["@jax-js/jax"],
  layout: "NCHW, OIHW, compiled by jit",
  prepare,
};

/** Does nothing the second time. @throws Error where it finds no WebGPU */
async function open(): Promise<void> {
  const devices = await init("webgpu");
  if (!devices.includes("webgpu")) throw new Error("it finds no WebGPU here");
  defaultDevice("webgpu");
}

/** A compiled function of arrays on the device, which are never taken from it. */
interface Compiled {
  readonly operands: readonly JaxArray[];
  run(): JaxArray[];
  /** Results in the order of axes of all libraries. */
  ordered(results: readonly Values[]): Values[];
  dispose(): void;
}

async function prepare(operation: Operation, operands: readonly Values[]): Promise<Prepared> {
  await open();
  const { run, ordered, dispose, ...compiled } = compile(operation, operands);
  const kept: JaxArray[] = [];
  const renew = (): void => {
    for (const result of kept.splice(0)) result.dispose();
  };
  return {
    queue: getWebGPUDevice().queue,
    renew,
    call() {
      const results = run();
      kept.push(...results);
      // Arrays are lazy: asking for its buffer begins an array's computation.
      for (const result of results) result.ref.gpuBufferSync();
    },
    submit() {},
    async results() {
      const read: Values[] = [];
      for (const result of run()) read.push(new Float32Array(await result.data()));
      return ordered(read);
    },
    async dispose() {
      renew();
      for (const operand of compiled.operands) operand.dispose();
      dispose();
    },
  };
}

const convolve = (image: JaxArray, filters: JaxArray): JaxArray =>
  lax.convGeneralDilated(image, filters, [1, 1], "SAME");

function compile(operation: Operation, values: readonly Values[]): Compiled {
  if (operation.kind === "product") {
    const shape = [operation.size, operation.size];
    const [a, b] = values.map((one) => numpy.array(one, { shape }));
    const product = jit((a: JaxArray, b: JaxArray) => numpy.matmul(a, b));
    return {
      operands: [a, b],
      run: () => [product(a.ref, b.ref)],
      ordered: ([product]) => [product],
      dispose: () => product.dispose(),
    };
  }
  const shapes = convolutionShapes(operation);
  const image = arrayOf(values[0], shapes.image, TO_NCHW);
  const filters = arrayOf(values[1], shapes.filters, TO_OIHW);
  const ordered = ([y, ...gradients]: readonly Values[]): Values[] => [
    permute(y, permuted(shapes.result, TO_NCHW), FROM_NCHW),
    ...gradients.map((gradient, i) =>
      i === 0
        ? permute(gradient, permuted(shapes.image, TO_NCHW), FROM_NCHW)
        : permute(gradient, permuted(shapes.filters, TO_OIHW), FROM_OIHW),
    ),
  ];
  if (!operation.gradients) {
    const forward = jit(convolve);
    return {
      operands: [image, filters],
      run: () => [forward(image.ref, filters.ref)],
      ordered,
      dispose: () => forward.dispose(),
    };
  }
  const gradient = arrayOf(values[2], shapes.result, TO_NCHW);
  const all = jit((image: JaxArray, filters: JaxArray, gradient: JaxArray) => {
    const [y, back] = vjp(convolve, [image, filters]);
    const gradients = back(gradient);
    back.dispose();
    return [y, ...gradients];
  });
  return {
    operands: [image, filters, gradient],
    run: () => all(image.ref, filters.ref, gradient.ref),
    ordered,
    dispose: () => all.dispose(),
  };
}

const TO_NCHW = [0, 3, 1, 2] as const;
const FROM_NCHW = [0, 2, 3, 1] as const;
const TO_OIHW = [3, 2, 0, 1] as const;
const FROM_OIHW = [2, 3, 1, 0] as const;
type Axes = Parameters<typeof permute>[2];

const permuted = (shape: readonly number[], axes: Axes): number[] => axes.map((axis) => shape[axis]);

const arrayOf = (values: Values, shape: readonly number[], axes: Axes): JaxArray =>
  numpy.array(permute(values, shape, axes), { shape: permuted(shape, axes) });
