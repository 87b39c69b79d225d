// The entry imago/engine of the package.

/**
 * Tensors as graphs, their gradients, and the backends that run them: `createBackend`, `Tensor`, `grad`. How a graph becomes
 * kernels: [architecture.md](../../docs/architecture.md#the-engine).
 * @module imago/engine
 */

export {
  type Backend,
  type Executable,
  type HostArray,
  type KernelTiming,
  LateReadError,
  MemoryError,
  type MemoryNeed,
  type ProgramRun,
  type ProgramSpec,
  type ProgramStats,
  readOutputs,
  ThreadError,
} from "./backend.ts";
export {
  BACKEND_CHOICES,
  BACKEND_NAMES,
  type BackendChoice,
  type BackendName,
  type BackendOptions,
  createBackend,
} from "./backends/create.ts";
export type { Capabilities, TailSupport } from "./capabilities.ts";
export type { AttentionHeads, ConvOptions, DType, FloatType, HalfType, Padding } from "./graph.ts";
export { type HostTensor, hostTensor } from "./host_tensor.ts";
export { type PhiloxKey, philoxNormal, philoxUniform } from "./random/philox.ts";
export { TorchGenerator, type TorchGeneratorState } from "./random/torch_generator.ts";
export { type Shape, ShapeError } from "./shape.ts";
export {
  concat,
  constant,
  full,
  grad,
  input,
  normal,
  type Operand,
  Tensor,
  uniform,
  variable,
} from "./tensor.ts";
