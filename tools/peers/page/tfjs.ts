// TensorFlow.js on WebGPU, with the settings that it comes with.

import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import type { Library, Prepared, Values } from "./library.ts";
import { convolutionShapes } from "./operands.ts";
import type { Operation } from "./plan.ts";

export const tfjs: Library = {
  name: "TensorFlow.js",
  version: tf.version_core,
  layout: "NHWC, HWIO",
  prepare,
};

/** The same each time. @throws Error where it finds no WebGPU */
async function open(): Promise<WebGPUBackend> {
  await tf.setBackend("webgpu");
  const backend = tf.backend();
  if (backend instanceof WebGPUBackend) return backend;
  throw new Error("it finds no WebGPU here");
}

async function prepare(operation: Operation, values: readonly Values[]): Promise<Prepared> {
  const backend = await open();
  const { operands, run } = functionOf(operation, values);
  const kept: tf.Tensor[] = [];
  const renew = () => tf.dispose(kept.splice(0));
  return {
    queue: backend.queue,
    renew,
    call: () => void kept.push(...tf.tidy(run)),
    submit() {
      backend.ensureCommandEncoderReady();
      backend.endComputePassEncoder();
      backend.submitQueue();
    },
    async results() {
      const results = tf.tidy(run);
      const read = await Promise.all(results.map((result) => result.data<"float32">()));
      tf.dispose(results);
      return read.map((values) => new Float32Array(values));
    },
    async dispose() {
      renew();
      tf.dispose([...operands]);
    },
  };
}

function functionOf(
  operation: Operation,
  values: readonly Values[],
): { readonly operands: readonly tf.Tensor[]; readonly run: () => tf.Tensor[] } {
  if (operation.kind === "product") {
    const { size } = operation;
    const [a, b] = values.map((one) => tf.tensor2d(one, [size, size]));
    return { operands: [a, b], run: () => [tf.matMul(a, b)] };
  }
  const shapes = convolutionShapes(operation);
  const image = tf.tensor4d(values[0], shapes.image);
  const filters = tf.tensor4d(values[1], shapes.filters);
  if (!operation.gradients) {
    return { operands: [image, filters], run: () => [tf.conv2d(image, filters, 1, "same")] };
  }
  const gradient = tf.tensor4d(values[2], shapes.result);
  const both = tf.valueAndGrads(() => tf.conv2d(image, filters, 1, "same"));
  return {
    operands: [image, filters, gradient],
    run() {
      const { value, grads } = both([image, filters], gradient);
      return [value, ...grads];
    },
  };
}
