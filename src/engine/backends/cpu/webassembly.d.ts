// The part of the standard WebAssembly interface that is used here (TypeScript has it only in its browser library).

declare namespace WebAssembly {
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }
  interface Memory {
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
    grow(pages: number): number;
  }
  interface Module {
    readonly [Symbol.toStringTag]: string;
  }
  interface Instance {
    readonly exports: Readonly<Record<string, unknown>>;
  }
  type Imports = Record<string, Record<string, unknown>>;
  var Memory: { new (descriptor: MemoryDescriptor): Memory };
  var Module: { new (bytes: BufferSource): Module };
  var Instance: { new (module: Module, imports?: Imports): Instance };
  type BufferSource = ArrayBuffer | ArrayBufferView<ArrayBuffer>;
  function validate(bytes: BufferSource): boolean;
  function compile(bytes: BufferSource): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
}
