// From images to features: a network on a backend, fed batch by batch.

import type { Backend, Executable } from "../engine/backend.ts";
import { input, type Tensor } from "../engine/tensor.ts";
import type { RgbImage } from "../io/image/index.ts";
import type { Cooperation } from "./cooperative.ts";
import { type Features, features } from "./features.ts";

/** What turns an image into a row of numbers, and what a number that is computed from them must say about it. */
export interface FeatureNetwork {
  /** Names the features: numbers of different names cannot be compared. */
  readonly name: string;
  /** What distances in these features are called: FID and KID only where they are Inception's. */
  readonly distances: { readonly frechet: string; readonly kernel: string };
  readonly dims: number;
  /** Height and width of the network's images. */
  readonly size: number;
  /** How images are brought to that size. */
  readonly resize: string;
  /** Which weights; the same text for the same weights. */
  readonly weights: string;
  /** [size, size, 3] */
  prepare(image: RgbImage): Float32Array;
  /** [N, size, size, 3] -> [N, dims] */
  forward(x: Tensor): Tensor;
  /** Writes the weights to the backend. */
  upload(backend: Backend): void;
}

/** Runs a feature network over images, batch by batch, on a backend. */
export class FeatureExtractor {
  readonly network: FeatureNetwork;
  readonly #backend: Backend;
  readonly #batchSize: number;
  #executable: Executable | undefined;

  /** @param batchSize images computed at a time: features do not depend on it */
  constructor(network: FeatureNetwork, backend: Backend, batchSize: number) {
    this.network = network;
    this.#backend = backend;
    this.#batchSize = batchSize;
  }

  /**
   * The features of `count` images, which are asked for in order.
   * @throws MetricError when an image has features that are not finite
   */
  async extract(
    count: number,
    image: (index: number) => RgbImage | Promise<RgbImage>,
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
