// From images to features: runs a network on a backend, batch by batch.

import type { Backend, Executable } from "../engine/backend.ts";
import { input, type Tensor } from "../engine/tensor.ts";
import type { Pixels } from "../io/image/index.ts";
import type { Cooperation } from "../platform/cooperative.ts";
import { type Features, features } from "./features.ts";

/** A network that turns an image into a row of features, and the names that its numbers carry. */
export interface FeatureNetwork {
  /** Name of the features: numbers with different names cannot be compared. */
  readonly name: string;
  /** Names of the distances in these features: FID and KID only for Inception's. */
  readonly distances: { readonly frechet: string; readonly kernel: string };
  /** Number of features of an image. */
  readonly dims: number;
  /** Height and width of the network's input. */
  readonly size: number;
  /** How images are resized to that size. */
  readonly resize: string;
  /** Identifies the weights; equal for equal weights. */
  readonly weights: string;
  /** [size, size, 3] */
  prepare(image: Pixels): Float32Array;
  /** [N, size, size, 3] -> [N, dims] */
  forward(x: Tensor): Tensor;
  /** Writes the weights to the backend. */
  upload(backend: Backend): void;
}

/** Runs a feature network over images, batch by batch, on a backend. */
export class FeatureExtractor {
  /** The network that it runs. */
  readonly network: FeatureNetwork;
  readonly #backend: Backend;
  readonly #batchSize: number;
  #executable: Executable | undefined;

  /** @param batchSize images per batch: features do not depend on it */
  constructor(network: FeatureNetwork, backend: Backend, batchSize: number) {
    this.network = network;
    this.#backend = backend;
    this.#batchSize = batchSize;
  }

  /**
   * The features of `count` images, which are requested in order.
   * @throws MetricError when an image has features that are not finite
   */
  async extract(
    count: number,
    image: (index: number) => Pixels | Promise<Pixels>,
    { signal, onProgress }: Cooperation = {},
  ): Promise<Features> {
    const { size, dims } = this.network;
    const executable = await this.#compiled();
    const values = size * size * 3;
    const batch = new Float32Array(this.#batchSize * values);
    const all = new Float32Array(count * dims);
    for (let first = 0; first < count; first += this.#batchSize) {
      signal?.throwIfAborted();
      const rows = Math.min(this.#batchSize, count - first);
      for (let r = 0; r < rows; r++) batch.set(this.network.prepare(await image(first + r)), r * values);
      const [found] = await executable.run([batch]);
      all.set(found.subarray(0, rows * dims), first * dims);
      onProgress?.((first + rows) / count);
    }
    return features(all, count, dims);
  }

  /** Frees the compiled program. */
  close(): void {
    this.#executable?.dispose();
    this.#executable = undefined;
  }

  async #compiled(): Promise<Executable> {
    if (this.#executable) return this.#executable;
    const { network } = this;
    network.upload(this.#backend);
    const x = input([this.#batchSize, network.size, network.size, 3], "f32", "images");
    this.#executable = await this.#backend.compile({
      name: `features ${network.name}`,
      inputs: [x],
      outputs: [network.forward(x)],
      batchInvariant: true,
    });
    return this.#executable;
  }
}
