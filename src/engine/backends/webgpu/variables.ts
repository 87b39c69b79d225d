// The variables of a backend on its device. They share few large buffers, so that a kernel can work on many of them.

import type { HostArray } from "../../backend.ts";
import { toElements } from "../../elements.ts";
import { DTYPE_BYTES, type Node } from "../../graph.ts";
import { numel } from "../../shape.ts";
import type { Region } from "./bindings.ts";
import type { Device } from "./device.ts";

/** A variable on the device. */
export interface Variable {
  readonly region: Region;
  /** Counts the writes. */
  version: number;
}

/** Bytes of the first buffer; each further one is larger by this factor. */
const FIRST_BYTES = 2 ** 20;
const GROWTH = 4;

export class Variables {
  readonly #device: Device;
  readonly #known = new Map<Node, Variable>();
  readonly #buffers: GPUBuffer[] = [];
  /** Bytes of the last buffer that are taken. */
  #taken = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  /** @throws Error for a variable without a value */
  of(node: Node): Variable {
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    throw new Error(`variable ${nameOf(node)} was read before it was written`);
  }

  /** @throws MemoryError for one that is larger than the device's buffers */
  write(node: Node, data: HostArray): void {
    let target = this.#known.get(node);
    if (target === undefined) {
      target = { region: this.#newRegion(node), version: 0 };
      this.#known.set(node, target);
    }
    target.version++;
    this.#device.write(target.region, toElements(data, node.dtype));
  }

  close(): void {
    for (const buffer of this.#buffers) this.#device.destroy(buffer);
    this.#known.clear();
  }

  #newRegion(node: Node): Region {
    const size = numel(node.shape) * DTYPE_BYTES[node.dtype];
    const last = this.#buffers.at(-1);
    if (last !== undefined && this.#taken + size <= last.size) return this.#take(last, size);
    const wanted = last === undefined ? FIRST_BYTES : last.size * GROWTH;
    return this.#take(this.#newBuffer(Math.max(size, Math.min(wanted, this.#device.mostBytes)), node), size);
  }

  #take(buffer: GPUBuffer, size: number): Region {
    const { alignment } = this.#device;
    const offset = this.#taken;
    this.#taken = Math.ceil((offset + size) / alignment) * alignment;
    return { buffer, offset, size };
  }

  #newBuffer(bytes: number, node: Node): GPUBuffer {
    const buffer = this.#device.newBuffer(bytes, `variable ${nameOf(node)}`);
    this.#buffers.push(buffer);
    this.#taken = 0;
    return buffer;
  }
}

const nameOf = ({ op }: Node): string => (op.kind === "variable" ? op.name : op.kind);
