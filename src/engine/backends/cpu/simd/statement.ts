// The recorded form of kernels: functions of statements over expressions. Encoders take nothing else.

import type { Expr, ValueType, Var } from "./expr.ts";

/** Parameter and result types, as an indirect call needs them. */
export interface Signature {
  readonly params: readonly ValueType[];
  readonly result: ValueType | undefined;
}
export interface ImportedFunction extends Signature {
  readonly kind: "import";
  readonly module: string;
  readonly name: string;
}

/** A recorded function, which an encoder turns into code. */
export interface RecordedFunction extends Signature {
  readonly kind: "function";
  readonly name: string;
  /** One for each of `params`. */
  readonly parameters: readonly Var[];
  readonly body: readonly Statement[];
}

/** A callable function: recorded, or imported from the host. */
export type FunctionRef = RecordedFunction | ImportedFunction;

export type StoreOperation =
  | "i32.store"
  | "f32.store"
  | "f64.store"
  | "v128.store"
  | "v128.store16x4"
  | "v128.store32_lane0"
  | "v128.store64_lane0"
  | "i32.store16"
  | "i32.atomic.store";
export type AtomicOperation =
  | "i32.atomic.rmw.add"
  | "i32.atomic.rmw.xchg"
  | "i32.atomic.rmw.cmpxchg"
  | "memory.atomic.wait32"
  | "memory.atomic.notify";

export type Statement =
  | { readonly kind: "let"; readonly variable: Var; readonly value: Expr }
  | { readonly kind: "set"; readonly variable: Var; readonly value: Expr }
  | {
      readonly kind: "store";
      readonly op: StoreOperation;
      readonly address: Expr;
      readonly offset: number;
      readonly value: Expr;
    }
  | {
      /** `atLeastOnce`: the first test of the condition is known to succeed. */
      readonly kind: "for";
      readonly variable: Var;
      readonly start: Expr;
      readonly end: Expr;
      readonly step: Expr;
      readonly atLeastOnce: boolean;
      readonly body: readonly Statement[];
    }
  | {
      /** Statements written for one vector that are for `count` adjacent ones: see `KernelBuilder.vectors`. */
      readonly kind: "vectors";
      readonly count: 2 | 4;
      readonly body: readonly Statement[];
    }
  | { readonly kind: "while"; readonly condition: Expr; readonly body: readonly Statement[] }
  | {
      readonly kind: "if";
      readonly condition: Expr;
      readonly yes: readonly Statement[];
      readonly no: readonly Statement[];
    }
  | {
      readonly kind: "call";
      readonly target: FunctionRef;
      readonly args: readonly Expr[];
      readonly into: Var | undefined;
    }
  | {
      readonly kind: "callIndirect";
      readonly signature: Signature;
      readonly index: Expr;
      readonly args: readonly Expr[];
      readonly into: Var | undefined;
    }
  | {
      readonly kind: "atomic";
      readonly op: AtomicOperation;
      readonly address: Expr;
      readonly offset: number;
      readonly args: readonly Expr[];
      readonly into: Var | undefined;
    }
  | {
      /** A hint that the cache line will be read soon; the address need not be valid. */
      readonly kind: "prefetch";
      readonly address: Expr;
      readonly offset: number;
    }
  | { readonly kind: "return"; readonly value: Expr | undefined };
