// One named tensor of a model: a weight, a bias, or a fixed table that is saved but not trained.

import type { Backend } from "../engine/backend.ts";
import { toFloats } from "../engine/elements.ts";
import { DTYPE_BYTES, type FloatType } from "../engine/graph.ts";
import type { TorchGenerator } from "../engine/random/torch_generator.ts";
import { numel, type Shape, ShapeError, sameShape, showShape } from "../engine/shape.ts";
import { type Tensor, variable } from "../engine/tensor.ts";
import { hwioBitsToOihw, hwioToOihw, oihwBitsToHwio, oihwToHwio } from "../io/filter_layout.ts";
import type { HalfWeight, HostWeight } from "../io/state_dict.ts";
import { inFileType, type WeightDtype, type WeightElements } from "../io/weight_source.ts";
import type { Initializer } from "./init.ts";

/** "conv" is [O, I, H, W] in files and [H, W, I, O] in the engine; "plain" is the same in both. */
export type ParameterLayout = "conv" | "plain";

/** Name, shape and initial value of a parameter. */
export interface ParameterOptions {
  /** Name within its module, such as "weight". */
  readonly name: string;
  /** Shape as torch has it. */
  readonly torchShape: Shape;
  /** Draws the value of a new model. */
  readonly init: Initializer;
  /** Default "plain". */
  readonly layout?: ParameterLayout;
  /** Whether training changes it. Default true. */
  readonly trainable?: boolean;
}

/**
 * One named tensor of a model: its value on the host in torch's layout, and its variable on backends in the engine's
 * layout.
 */
export class Parameter {
  /** Shape in torch and in files. */
  readonly torchShape: Shape;
  /** Shape in the engine. */
  readonly shape: Shape;
  /** How its value lies in files and in the engine. */
  readonly layout: ParameterLayout;
  /** Whether training changes it. */
  readonly trainable: boolean;
  readonly #init: Initializer;
  #name: string;
  #dtype: FloatType = "f32";
  #tensor: Tensor | undefined;
  /** Never changed in place: parameters share values. Of 16-bit elements, as they were loaded or downloaded, it is the bits. */
  #value: Float32Array | Uint16Array | undefined;

  constructor({ name, torchShape, init, layout = "plain", trainable = true }: ParameterOptions) {
    this.#name = name;
    this.torchShape = torchShape;
    this.layout = layout;
    this.trainable = trainable;
    this.#init = init;
    if (layout === "conv") {
      const [o, i, h, w] = torchShape;
      this.shape = [h, w, i, o];
    } else {
      this.shape = torchShape;
    }
  }

  /** Key in the state dict of the outermost module it belongs to. */
  get name(): string {
    return this.#name;
  }

  /** Number of its elements. */
  get size(): number {
    return numel(this.shape);
  }

  /** Bytes of its value on a backend. */
  get bytes(): number {
    return this.size * DTYPE_BYTES[this.#dtype];
  }

  /** The engine variable that forward passes read. */
  get tensor(): Tensor {
    this.#tensor ??= variable(this.shape, this.#name, this.#dtype);
    return this.#tensor;
  }

  /** The type in which a backend keeps the value, and of its bits where the host has 16-bit ones. */
  get dtype(): FloatType {
    return this.#dtype;
  }

  /** Whether the host holds a value: loaded, drawn or downloaded, and not released. */
  get hasValue(): boolean {
    return this.#value !== undefined;
  }

  /** Sets the type in which a backend keeps the value. @throws when a forward pass has read it already */
  to(dtype: FloatType): void {
    if (this.#tensor !== undefined && this.#dtype !== dtype) {
      throw new Error(
        `${this.#name} is in use as ${this.#dtype}; choose ${dtype} before the first forward pass`,
      );
    }
    this.#dtype = dtype;
  }

  /** Called by the module that registers this one. */
  prefixName(prefix: string): void {
    this.#name = `${prefix}.${this.#name}`;
  }

  /** Draws the default initial value. */
  initialize(generator: TorchGenerator): void {
    this.load({ data: this.#init(generator, this.size), shape: this.torchShape });
  }

  /** Advances the generator as `initialize` would, and keeps the present value. */
  passOver(generator: TorchGenerator): void {
    this.#init(generator, this.size);
  }

  /** Sets the value to zero. @param zeros for several parameters: at least as many as the largest has values */
  setZero(zeros = new Float32Array(this.size)): void {
    this.#value = zeros.subarray(0, this.size);
  }

  /** Takes the value of another parameter of the same shape and layout. @throws when that has none yet */
  copyFrom(other: Parameter): void {
    if (!sameShape(other.shape, this.shape)) {
      throw new ShapeError(`${this.#name} is ${showShape(other.shape)}, expected ${showShape(this.shape)}`);
    }
    this.#value = other.#floats();
  }

  /** Sets the value, given in torch's layout. @throws ShapeError for another shape. */
  load({ data, shape }: HostWeight): void {
    this.#checkShape(data, shape);
    this.#value = this.layout === "conv" ? oihwToHwio(data, shape) : data.slice();
  }

  /**
   * Sets the value to one of 16 bits, in torch's layout, which stays so on the host and on backends.
   * @throws ShapeError for another shape; Error when a forward pass has read the parameter in another type
   */
  loadHalf({ bits, shape, dtype }: HalfWeight): void {
    this.#checkShape(bits, shape);
    this.to(dtype);
    this.#value = this.layout === "conv" ? oihwBitsToHwio(bits, shape) : bits;
  }

  /** The value in torch's layout. @throws when there is none yet. */
  save(): HostWeight {
    const value = this.#floats();
    const data = this.layout === "conv" ? hwioToOihw(value, this.shape) : value.slice();
    return { data, shape: [...this.torchShape] };
  }

  /**
   * A copy of the value as it is stored: in the engine's layout, float32 or the bits of 16-bit elements. Where the backend
   * alone has the value, the host does not keep it.
   * @param home the backend that it has moved to
   * @throws when there is none yet
   */
  async stored(home: Backend | undefined): Promise<WeightElements> {
    const isHere = this.hasValue || home === undefined;
    return isHere ? this.#hostValue().slice() : home.readStored(this.tensor);
  }

  /** Sets the value to what `stored` gave, or to one of the same form; it must not be changed after. */
  setStored(value: WeightElements): void {
    this.#value = value;
  }

  /** As `stored`, in torch's layout, as a file of this type holds it. */
  async elements(dtype: WeightDtype, home: Backend | undefined): Promise<WeightElements> {
    const elements = inFileType(await this.stored(home), this.#dtype, dtype);
    if (this.layout === "plain") return elements;
    return elements instanceof Uint16Array
      ? hwioBitsToOihw(elements, this.shape)
      : hwioToOihw(elements, this.shape);
  }

  /** Writes the value to the backend's variable, widened where the backend lacks its type. @throws when there is none yet. */
  upload(backend: Backend): void {
    if (!backend.capabilities.dtypes.includes(this.#dtype)) {
      this.#value = this.#floats();
      this.to("f32");
    }
    backend.write(this.tensor, this.#hostValue());
  }

  /** Writes the value to the backend's variable, and frees it on the host, where the runtime can at once. */
  move(backend: Backend): void {
    this.upload(backend);
    const value = this.#value;
    this.#value = undefined;
    if (value !== undefined && isTransferable(value.buffer)) value.buffer.transfer(0);
  }

  /** Reads the value back from the backend's variable. */
  async download(backend: Backend): Promise<void> {
    this.#value = await backend.readStored(this.tensor);
  }

  /** Frees the value on the host; the backend's stays. */
  release(): void {
    this.#value = undefined;
  }

  #checkShape({ length }: ArrayLike<number>, shape: Shape): void {
    if (sameShape(shape, this.torchShape) && length === this.size) return;
    throw new ShapeError(`${this.#name} is ${showShape(shape)}, expected ${showShape(this.torchShape)}`);
  }

  #floats(): Float32Array {
    const value = this.#hostValue();
    if (value instanceof Float32Array) return value;
    return toFloats(value.buffer, value.byteOffset, value.length, this.#dtype);
  }

  #hostValue(): Float32Array | Uint16Array {
    if (this.#value === undefined) {
      throw new Error(
        `${this.#name} has no value yet; call initialize(), loadStateDict() or download() first`,
      );
    }
    return this.#value;
  }
}

/** Since ES2024, which is not in every runtime. */
interface TransferableBuffer {
  transfer(bytes: number): unknown;
}
const isTransferable = (buffer: ArrayBufferLike): buffer is ArrayBufferLike & TransferableBuffer =>
  "transfer" in buffer;
