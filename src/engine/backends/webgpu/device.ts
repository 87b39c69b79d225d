// A GPU's device, opened with all that its adapter allows. When it fails, whatever waits for it gets one error.

import { gpus } from "#platform";
import { GpuError, type HostArray, MemoryError } from "../../backend.ts";

/** Flags of GPUBufferUsage, which is a global of browsers only. */
const USAGE = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, storage: 0x80, queryResolve: 0x200 } as const;

/** A GPU that can be used. */
export interface FoundGpu {
  /** Kept as long as its device: Dawn's must not be collected before. */
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  /** For people: "NVIDIA H100 PCIe". */
  readonly name: string;
  /** Whether the processor computes in place of a GPU. */
  readonly isSoftware: boolean;
}

/** Names of adapters that are none. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i;

/** The machine's fastest GPU. @throws GpuError in one line where there is none */
export async function findGpu(): Promise<FoundGpu> {
  let gpu: GPU;
  try {
    gpu = await gpus.open();
  } catch (cause) {
    throw new GpuError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw new GpuError("there is no GPU here that WebGPU can use");
  const { device, description, vendor, architecture } = adapter.info;
  const isSoftware =
    adapter.info.isFallbackAdapter || SOFTWARE.test(`${device} ${description} ${architecture}`);
  const name = device || description || [vendor, architecture].filter((word) => word !== "").join(" ");
  return { gpu, adapter, name: name || "a GPU without a name", isSoftware };
}

/** Limits that are raised to what the adapter allows. */
const RAISED = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

/** A buffer whose memory was refused. */
interface Refusal {
  readonly what: string;
  readonly size: number;
}

/** Smaller buffers are not tried to find out how much memory is free. */
const LEAST_TRIED = 2 ** 24;

const wholeFours = (bytes: number): number => Math.max(16, Math.ceil(bytes / 16) * 16);

const TIMES = "timestamp-query";
const HALVES = "shader-f16";
const SUBGROUPS = "subgroups";
/** Some type libraries do not know all of these names yet. */
const isWanted = (feature: string): feature is GPUFeatureName => [TIMES, HALVES, SUBGROUPS].includes(feature);

/** An open device. Buffers that are made here count towards `usedBytes` until they are destroyed. */
export class Device {
  readonly name: string;
  readonly gpu: GPUDevice;
  readonly #found: FoundGpu;
  #usedBytes = 0;
  /** Memory of new buffers, which may still be refused. */
  readonly #allocations: Promise<Refusal | undefined>[] = [];
  #capacity = Number.POSITIVE_INFINITY;
  #failure: GpuError | undefined;
  #closed = false;

  private constructor(found: FoundGpu, gpu: GPUDevice) {
    this.#found = found;
    this.gpu = gpu;
    this.name = found.name;
    gpu.lost.then(({ message }) => {
      const why = message.trim() === "" ? "" : `: ${firstLine(message)}`;
      this.#fail(new GpuError(`the GPU (${this.name}) was lost${why}`));
    });
    gpu.addEventListener("uncapturederror", ({ error }) => {
      this.#fail(new GpuError(`the GPU (${this.name}) refuses work: ${firstLine(error.message)}`));
    });
  }

  /** @throws GpuError where the system refuses it */
  static async open(found: FoundGpu): Promise<Device> {
    const { limits, features } = found.adapter;
    try {
      const gpu = await found.adapter.requestDevice({
        requiredFeatures: [...features].filter(isWanted),
        requiredLimits: Object.fromEntries(RAISED.map((limit) => [limit, limits[limit]])),
      });
      return new Device(found, gpu);
    } catch (cause) {
      const why = cause instanceof Error ? firstLine(cause.message) : String(cause);
      throw new GpuError(`the GPU (${found.name}) cannot be opened: ${why}`, { cause });
    }
  }

  /** A text that is equal for equal devices with equal drivers. */
  get identity(): string {
    const { vendor, architecture, device, description } = this.#found.adapter.info;
    return [vendor, architecture, device, description].join(" / ");
  }

  /** Whether shaders have 16-bit floats. */
  get hasHalves(): boolean {
    return this.gpu.features.has(HALVES);
  }

  /**
   * Invocations of each subgroup. 0 where shaders cannot use subgroups, and where these have several sizes: the driver
   * would choose one for each shader, and with it the order of sums.
   */
  get subgroup(): number {
    const { gpu, adapter } = this.#found;
    const { subgroupMinSize: least = 0, subgroupMaxSize: most = 0 } = adapter.info;
    const areNumbered = this.gpu.features.has(SUBGROUPS) && gpu.wgslLanguageFeatures.has("subgroup_id");
    return areNumbered && least === most ? most : 0;
  }

  /** Whether kernels can be timed. */
  get hasTimes(): boolean {
    return this.gpu.features.has(TIMES);
  }

  /** Whether the processor computes in place of a GPU. */
  get isSoftware(): boolean {
    return this.#found.isSoftware;
  }

  /** Bytes of the buffers. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /**
   * Bytes of all buffers that the device can hold. WebGPU does not tell: it is infinite until memory was refused, and then
   * what could be had beside what was there.
   */
  get capacity(): number {
    return this.#capacity;
  }

  /** Largest buffer that a kernel can use, bytes. */
  get mostBytes(): number {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.gpu.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    return most - (most % this.alignment);
  }

  /** Of the offset of an array in a buffer, bytes. */
  get alignment(): number {
    return this.gpu.limits.minStorageBufferOffsetAlignment;
  }

  /** @throws GpuError after the device has failed */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new GpuError(`the GPU (${this.name}) was closed`);
  }

  /** What a promise of the device gives; or its failure, which explains more than the promise's own error. */
  async wait<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      this.check();
      return result;
    } catch (error) {
      // The reason for a loss is told a moment after its consequences.
      if (!this.#closed)
        await Promise.race([this.gpu.lost, new Promise((resolve) => setTimeout(resolve, 100))]);
      this.check();
      throw error;
    }
  }

  /**
   * A buffer for kernels, or for times (`queryResolve`), that can be copied from and to. Rounded up to whole fours.
   * Whether the system has given its memory, `allocated` tells.
   * @param what has the memory, for errors
   * @throws MemoryError for one that is larger than the device allows
   */
  newBuffer(bytes: number, what: string, resolvesTimes = false): GPUBuffer {
    this.check();
    const size = wholeFours(bytes);
    if (size > this.mostBytes) throw new MemoryError(what, size, this.mostBytes);
    const own = resolvesTimes ? USAGE.queryResolve : USAGE.storage;
    const { buffer, isRefused } = this.#allocate(size, own);
    const allocation = isRefused.then((refused) => (refused ? { what, size } : undefined));
    // Whoever waits for it gets the error.
    allocation.catch(() => undefined);
    this.#allocations.push(allocation);
    this.#usedBytes += size;
    return buffer;
  }

  #allocate(size: number, own: number): { readonly buffer: GPUBuffer; readonly isRefused: Promise<boolean> } {
    this.gpu.pushErrorScope("out-of-memory");
    const buffer = this.gpu.createBuffer({ size, usage: own | USAGE.copyTarget | USAGE.copySource });
    return { buffer, isRefused: this.gpu.popErrorScope().then((refused) => refused !== null) };
  }

  /** Bytes that can still be had, up to `most`: tried in ever smaller buffers. */
  async #findFree(most: number): Promise<number> {
    const buffers: GPUBuffer[] = [];
    let free = 0;
    for (let size = wholeFours(most / 2); size >= LEAST_TRIED; size = wholeFours(size / 2)) {
      const { buffer, isRefused } = this.#allocate(size, USAGE.storage);
      buffers.push(buffer);
      if (!(await isRefused)) free += buffer.size;
    }
    for (const buffer of buffers) buffer.destroy();
    return free;
  }

  destroy(buffer: GPUBuffer): void {
    this.#usedBytes -= buffer.size;
    buffer.destroy();
  }

  /** Resolves when the memory of all new buffers is there. @throws MemoryError when it was refused */
  async allocated(): Promise<void> {
    const refusals = await this.wait(Promise.all(this.#allocations.splice(0)));
    const refused = refusals.filter((refusal) => refusal !== undefined);
    if (refused.length === 0) return;
    const needed = this.#usedBytes;
    const given = refused.reduce((rest, { size }) => rest - size, needed);
    this.#capacity = given + (await this.wait(this.#findFree(refused[0].size)));
    throw new MemoryError(refused[0].what, needed, this.#capacity);
  }

  /** Writes bytes to a place of a buffer, after all work submitted so far. */
  write({ buffer, offset }: { readonly buffer: GPUBuffer; readonly offset: number }, data: HostArray): void {
    this.check();
    const { queue } = this.gpu;
    if (data.byteLength % WORD === 0) {
      queue.writeBuffer(buffer, offset, data.buffer, data.byteOffset, data.byteLength);
      return;
    }
    // A GPU takes whole words; after an odd number of 16-bit elements there is room for one more.
    const words = new Uint8Array(Math.ceil(data.byteLength / WORD) * WORD);
    words.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    queue.writeBuffer(buffer, offset, words);
  }

  /** A copy of bytes of a buffer as they are after all work submitted so far. */
  async read(source: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    this.check();
    const size = Math.ceil(bytes / WORD) * WORD;
    const staging = this.gpu.createBuffer({ size, usage: USAGE.mapRead | USAGE.copyTarget });
    const encoder = this.gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(source, offset, staging, 0, size);
    this.gpu.queue.submit([encoder.finish()]);
    try {
      await this.wait(staging.mapAsync(MAP_READ));
      return staging.getMappedRange().slice(0, bytes);
    } finally {
      staging.destroy();
    }
  }

  close(): void {
    this.#closed = true;
    this.gpu.destroy();
  }

  #fail(error: GpuError): void {
    if (!this.#closed) this.#failure ??= error;
  }
}

/** Bytes that are copied at once. */
const WORD = 4;

/** GPUMapMode.READ, which is a global of browsers only. */
const MAP_READ = 1;

const firstLine = (message: string): string => message.trim().split("\n", 1)[0];
