// Records one function of a kernel as a tree of statements; an encoder (wasm.ts) turns the tree into code.
//
//   const k = new KernelBuilder("double");
//   const x = k.buffer(0);
//   k.loop(16, (i) => k.storeV(s.iadd(x, i), s.vmul(...)), { step: 4 });

import type { Expr, ValueType, Var } from "./expr.ts";
import { ADDRESS_BYTES, checkType, splitAddress } from "./expr.ts";
import * as s from "./ops.ts";
import type {
  AtomicOperation,
  FunctionRef,
  RecordedFunction,
  Signature,
  Statement,
  StoreOperation,
} from "./statement.ts";

/** How many vectors are computed as one. */
export type VectorCount = 1 | 2 | 4;

/** The machine's vector registers: results do not depend on them, only how the same arithmetic is written. */
export interface VectorRegisters {
  readonly count: 16 | 32;
  /** How many vectors fit one of them. */
  readonly vectors: VectorCount;
}
const FEW_NARROW: VectorRegisters = { count: 16, vectors: 1 };

/** The parameters of every kernel: the table of buffer addresses, the tile to compute, and this thread's scratch. */
export const KERNEL_SIGNATURE: Signature = { params: ["i32", "i32", "i32"], result: undefined };

const ATOMIC_OPERANDS: Readonly<Record<AtomicOperation, readonly ValueType[]>> = {
  "i32.atomic.rmw.add": ["i32"],
  "i32.atomic.rmw.xchg": ["i32"],
  "i32.atomic.rmw.cmpxchg": ["i32", "i32"],
  "memory.atomic.wait32": ["i32", "i64"],
  "memory.atomic.notify": ["i32"],
};

/** One function: `(args, tile, scratch) => void` unless another signature is given. */
export class KernelBuilder implements RecordedFunction {
  readonly kind = "function";
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ValueType | undefined;
  readonly registers: VectorRegisters;
  readonly parameters: readonly Var[];
  private readonly buffers = new Map<number, Var>();
  private readonly prologue: Statement[] = [];
  private readonly main: Statement[] = [];
  private current: Statement[] = this.main;

  constructor(name: string, signature = KERNEL_SIGNATURE, registers = FEW_NARROW) {
    this.name = name;
    this.registers = registers;
    this.params = signature.params;
    this.result = signature.result;
    this.parameters = signature.params.map((type): Var => ({ kind: "var", type }));
  }

  /** How many vectors fit one register of the machine. */
  get width(): VectorCount {
    return this.registers.vectors;
  }

  /** How many vectors all registers of the machine hold. */
  get capacity(): number {
    return this.registers.count * this.registers.vectors;
  }

  /** All that was recorded, in order. */
  get body(): readonly Statement[] {
    return [...this.prologue, ...this.main];
  }

  /** The i-th parameter. */
  param(i: number): Var {
    const variable = this.parameters[i];
    if (variable === undefined)
      throw new RangeError(`${this.name}: got parameter ${i}, expected less than ${this.params.length}`);
    return variable;
  }
  /** Byte address of the table of buffer addresses. */
  get args(): Var {
    return this.param(0);
  }
  /** Number of the tile to compute. */
  get tile(): Var {
    return this.param(1);
  }
  /** Byte address of this thread's scratch memory. */
  get scratch(): Var {
    return this.param(2);
  }
  /** Byte address of the i-th buffer, loaded once at the start. */
  buffer(i: number): Var {
    let variable = this.buffers.get(i);
    if (variable === undefined) {
      variable = { kind: "var", type: "i32" };
      this.prologue.push({ kind: "let", variable, value: s.loadAddress(this.args, ADDRESS_BYTES * i) });
      this.buffers.set(i, variable);
    }
    return variable;
  }

  // --- Variables; each lives until the end of the block (loop, branch or function) that declares it

  /** A new variable with a value. */
  let(value: Expr): Var {
    const variable: Var = { kind: "var", type: value.type };
    this.current.push({ kind: "let", variable, value });
    return variable;
  }
  /** A value computed once at the start of the function; it may use parameters and buffers only. */
  hoist(value: Expr): Var {
    const variable: Var = { kind: "var", type: value.type };
    this.prologue.push({ kind: "let", variable, value });
    return variable;
  }
  set(variable: Var, value: Expr): void {
    checkType(value, variable.type, `${this.name}: set`);
    this.current.push({ kind: "set", variable, value });
  }

  // --- Control

  private block<T>(record: () => T): { readonly statements: Statement[]; readonly value: T } {
    const outer = this.current;
    const statements: Statement[] = [];
    this.current = statements;
    const value = record();
    this.current = outer;
    return { statements, value };
  }
  /** i = 0, step, 2 step, .. while i < count. A loop known to run once is recorded without a loop. */
  loop(count: number | Expr, body: (i: Expr) => void, options: { step?: number } = {}): void {
    this.for(0, count, options.step ?? 1, body);
  }
  /** i = start, start + step, .. while i < end (signed); the step is positive. */
  for(start: number | Expr, end: number | Expr, step: number | Expr, body: (i: Expr) => void): void {
    const [from, to, by] = [start, end, step].map((e) => (typeof e === "number" ? s.i32(e) : e));
    if (from === undefined || to === undefined || by === undefined) return;
    const known = from.kind === "const" && to.kind === "const";
    if (known && from.value >= to.value) return;
    if (known && by.kind === "const" && from.value + by.value >= to.value) {
      body(from);
      return;
    }
    const variable: Var = { kind: "var", type: "i32" };
    const { statements: recorded } = this.block(() => body(variable));
    this.current.push({
      kind: "for",
      variable,
      start: from,
      end: to,
      step: by,
      atLeastOnce: known,
      body: recorded,
    });
  }
  while(condition: Expr, body: () => void): void {
    checkType(condition, "i32", `${this.name}: while`);
    this.current.push({ kind: "while", condition, body: this.block(body).statements });
  }
  /**
   * Records `body`, written for four lanes, for `count` times as many: each load and store of a vector is of as many
   * adjacent ones. What is equal in all vectors (addresses, conditions, a scalar in every lane) is written as usual.
   * The vectors are computed as if independent: none may read through memory what another writes. The caller chooses
   * the distances: `count` times 16 bytes where the vectors of two blocks are contiguous.
   */
  vectors<T>(count: VectorCount, body: () => T): T {
    if (count === 1) return body();
    const { statements, value } = this.block(body);
    this.current.push({ kind: "vectors", count, body: statements });
    return value;
  }
  /** Two vectors: what every encoder can do (see pairs.ts). */
  pairs(body: () => void): void {
    this.vectors(2, body);
  }
  /** A constant condition picks its branch at once. */
  if(condition: Expr, then: () => void, otherwise?: () => void): void {
    checkType(condition, "i32", `${this.name}: if`);
    if (condition.kind === "const") {
      if (condition.value !== 0) then();
      else otherwise?.();
      return;
    }
    const { statements: recorded } = this.block(then);
    this.current.push({
      kind: "if",
      condition,
      yes: recorded,
      no: otherwise ? this.block(otherwise).statements : [],
    });
  }
  return(value?: Expr): void {
    if (value?.type !== this.result)
      throw new TypeError(
        `${this.name}: returned ${value?.type ?? "nothing"}, expected ${this.result ?? "nothing"}`,
      );
    this.current.push({ kind: "return", value });
  }

  // --- Memory

  private store(op: StoreOperation, type: ValueType, address: Expr, value: Expr, offset: number): void {
    checkType(value, type, `${this.name}: ${op}`);
    this.current.push({ kind: "store", op, ...splitAddress(address, offset), value });
  }
  storeI32(address: Expr, value: Expr, offset = 0): void {
    this.store("i32.store", "i32", address, value, offset);
  }
  storeF32(address: Expr, value: Expr, offset = 0): void {
    this.store("f32.store", "f32", address, value, offset);
  }
  storeF64(address: Expr, value: Expr, offset = 0): void {
    this.store("f64.store", "f64", address, value, offset);
  }
  storeV(address: Expr, value: Expr, offset = 0): void {
    this.store("v128.store", "v128", address, value, offset);
  }
  /** The low half of an i32, 2 bytes. */
  storeU16(address: Expr, value: Expr, offset = 0): void {
    this.store("i32.store16", "i32", address, value, offset);
  }
  /** The low halves of four i32 lanes whose high halves are 0, 8 bytes. */
  storeU16Lanes(address: Expr, value: Expr, offset = 0): void {
    this.store("v128.store16x4", "v128", address, value, offset);
  }
  /** Lane 0 of a vector, 4 bytes. */
  storeLane0(address: Expr, value: Expr, offset = 0): void {
    this.store("v128.store32_lane0", "v128", address, value, offset);
  }
  /** Lanes 0 and 1 of a vector, 8 bytes. */
  storePair(address: Expr, value: Expr, offset = 0): void {
    this.store("v128.store64_lane0", "v128", address, value, offset);
  }

  /** Hints that the cache line will be read soon; the address need not be valid. Not every encoder can say it. */
  prefetch(address: Expr, offset = 0): void {
    this.current.push({ kind: "prefetch", ...splitAddress(address, offset) });
  }

  // --- Calls

  /** Calls a function and drops any result. */
  call(target: FunctionRef, ...args: Expr[]): void {
    checkArguments(target.name, target, args);
    this.current.push({ kind: "call", target, args, into: undefined });
  }
  /** Calls a function; returns the result as a variable. */
  callValue(target: FunctionRef, ...args: Expr[]): Var {
    checkArguments(target.name, target, args);
    const into = resultVar(target.name, target);
    this.current.push({ kind: "call", target, args, into });
    return into;
  }
  /** Calls entry `index` of the module's table. */
  callIndirect(signature: Signature, index: Expr, ...args: Expr[]): void {
    checkArguments("callIndirect", signature, args);
    checkType(index, "i32", "callIndirect");
    this.current.push({ kind: "callIndirect", signature, index, args, into: undefined });
  }

  // --- Atomics, on i32 at an address divisible by 4

  private atomic(op: AtomicOperation, address: Expr, offset: number, args: readonly Expr[]): Var {
    checkArguments(op, { params: ATOMIC_OPERANDS[op], result: "i32" }, args);
    const into: Var = { kind: "var", type: "i32" };
    this.current.push({ kind: "atomic", op, ...splitAddress(address, offset), args, into });
    return into;
  }
  /** Adds; returns the old value. */
  atomicAdd(address: Expr, value: Expr, offset = 0): Var {
    return this.atomic("i32.atomic.rmw.add", address, offset, [value]);
  }
  /** Stores; returns the old value. */
  atomicExchange(address: Expr, value: Expr, offset = 0): Var {
    return this.atomic("i32.atomic.rmw.xchg", address, offset, [value]);
  }
  /** Stores `value` if the current value is `expected`; returns the old value. */
  atomicCompareExchange(address: Expr, expected: Expr, value: Expr, offset = 0): Var {
    return this.atomic("i32.atomic.rmw.cmpxchg", address, offset, [expected, value]);
  }
  atomicLoad(address: Expr, offset = 0): Expr {
    return s.atomicLoad(address, offset);
  }
  atomicStore(address: Expr, value: Expr, offset = 0): void {
    this.store("i32.atomic.store", "i32", address, value, offset);
  }
  /**
   * Sleeps while the value is `expected`, at most `nanoseconds` (i64; negative: for ever). 0 woken, 1 not equal, 2
   * timed out.
   */
  atomicWait(address: Expr, expected: Expr, nanoseconds: Expr = s.i64(-1), offset = 0): Var {
    return this.atomic("memory.atomic.wait32", address, offset, [expected, nanoseconds]);
  }
  /** Wakes at most `count` sleepers (unsigned; -1: all); returns how many. */
  atomicNotify(address: Expr, count: Expr = s.i32(-1), offset = 0): Var {
    return this.atomic("memory.atomic.notify", address, offset, [count]);
  }
}

function checkArguments(name: string, signature: Signature, args: readonly Expr[]): void {
  if (args.length !== signature.params.length)
    throw new TypeError(`${name}: got ${args.length} arguments, expected ${signature.params.length}`);
  args.forEach((arg, i) => {
    checkType(arg, signature.params[i], `${name}, argument ${i}`);
  });
}

function resultVar(name: string, signature: Signature): Var {
  if (signature.result === undefined) throw new TypeError(`${name}: returns nothing; use call`);
  return { kind: "var", type: signature.result };
}
