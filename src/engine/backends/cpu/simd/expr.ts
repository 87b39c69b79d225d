// Expression trees of the kernel language: typed, immutable and pure (a load reads where the tree is placed).
//
// A tree that is used twice is evaluated twice: name it with `KernelBuilder.let` to share it.
// Integer constants are folded while the tree is built, so generated addresses stay small.

/** Types of values. `v128` is a vector of LANES f32 or i32 lanes (or two f64/i64). Truth is an i32, or a lane of all ones. */
export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

/** Bytes of an address in memory, whether or not all of them count. */
export const ADDRESS_BYTES = 8;

/** How many f32 lanes a vector has. */
export const LANES = 4;

// biome-ignore format: a table
/** Every pure operation, with its signature: operand types, then the result (i: i32, l: i64, f: f32, d: f64, v: v128). */
export const OPERATIONS = {
  "i32.eqz": "i>i", "i32.eq": "ii>i", "i32.ne": "ii>i", "i32.lt_s": "ii>i", "i32.lt_u": "ii>i",
  "i32.gt_s": "ii>i",
  "i32.add": "ii>i", "i32.sub": "ii>i", "i32.mul": "ii>i", "i32.div_u": "ii>i",
  "i32.rem_u": "ii>i", "i32.and": "ii>i", "i32.or": "ii>i",
  "i32.shl": "ii>i", "i32.shr_u": "ii>i",
  "f32.add": "ff>f", "f32.max": "ff>f",
  "i32.select": "iii>i", "i64.select": "lli>l", "f32.select": "ffi>f", "f64.select": "ddi>d", "v128.select": "vvi>v",
  "f32x4.splat": "f>v", "i32x4.splat": "i>v", "f64x2.splat": "d>v",
  "f32x4.add": "vv>v", "f32x4.sub": "vv>v", "f32x4.mul": "vv>v", "f32x4.div": "vv>v",
  "f32x4.min": "vv>v", "f32x4.max": "vv>v", "f32x4.pmin": "vv>v", "f32x4.pmax": "vv>v",
  "f32x4.fma": "vvv>v", "f32x4.fnma": "vvv>v",
  "f32x4.sqrt": "v>v", "f32x4.abs": "v>v", "f32x4.neg": "v>v",
  "f32x4.floor": "v>v", "f32x4.ceil": "v>v", "f32x4.trunc": "v>v",
  "f32x4.eq": "vv>v", "f32x4.ne": "vv>v", "f32x4.lt": "vv>v", "f32x4.gt": "vv>v", "f32x4.le": "vv>v",
  "v128.laneselect": "vvv>v", "v128.and": "vv>v", "v128.or": "vv>v", "v128.xor": "vv>v", "v128.andnot": "vv>v", "v128.not": "v>v",
  "i32x4.add": "vv>v", "i32x4.sub": "vv>v", "i32x4.mul": "vv>v",
  "i32x4.shl": "vi>v", "i32x4.shr_s": "vi>v", "i32x4.shr_u": "vi>v",
  "i32x4.lt_s": "vv>v",
  "i64x2.extmul_low_u32": "vv>v", "i64x2.extmul_high_u32": "vv>v",
  "f32x4.convert_i32x4_s": "v>v", "i32x4.trunc_sat_f32x4_s": "v>v",
  "f64x2.mul": "vv>v",
  "f64x2.promote_low_f32x4": "v>v", "f32x4.demote_f64x2_zero": "v>v",
} as const satisfies Record<string, string>;
export type Operation = keyof typeof OPERATIONS;

/** Operations with lane numbers as immediates. */
export type LaneOperation =
  | "f32x4.extract_lane"
  | "i32x4.extract_lane"
  | "f64x2.extract_lane"
  | "f32x4.replace_lane"
  | "i32x4.replace_lane"
  | "shuffle4";

/** Loads, with their result types. */
export const LOADS = {
  "i32.load": "i32",
  "i32.load16_u": "i32",
  "address.load": "i32",
  "i32.atomic.load": "i32",
  "f32.load": "f32",
  "v128.load": "v128",
  "v128.load16x4_u": "v128",
  "v128.load32_splat": "v128",
  "v128.load32_zero": "v128",
  "v128.load64_zero": "v128",
} as const satisfies Record<string, ValueType>;
export type LoadOperation = keyof typeof LOADS;

/** A scalar constant; an i64 must be a safe integer. */
export interface Constant {
  readonly kind: "const";
  readonly type: Exclude<ValueType, "v128">;
  readonly value: number;
}
/** A vector constant, as four 32-bit words. */
export interface VectorConstant {
  readonly kind: "vconst";
  readonly type: "v128";
  readonly words: readonly number[];
}
/** A local variable or a parameter; its identity is the object. */
export interface Var {
  readonly kind: "var";
  readonly type: ValueType;
}
export interface OperationExpr {
  readonly kind: "op";
  readonly type: ValueType;
  readonly op: Operation;
  readonly args: readonly Expr[];
}
export interface LaneExpr {
  readonly kind: "lanes";
  readonly type: ValueType;
  readonly op: LaneOperation;
  readonly args: readonly Expr[];
  readonly lanes: readonly number[];
}
export interface LoadExpr {
  readonly kind: "load";
  readonly type: ValueType;
  readonly op: LoadOperation;
  readonly address: Expr;
  readonly offset: number;
}
export type Expr = Constant | VectorConstant | Var | OperationExpr | LaneExpr | LoadExpr;

const LETTERS: Readonly<Record<string, ValueType>> = { i: "i32", l: "i64", f: "f32", d: "f64", v: "v128" };

/** Throws unless `e` has the type `expected`. */
export function checkType(e: Expr, expected: ValueType, where: string): void {
  if (e.type !== expected)
    throw new TypeError(`${where}: got a ${e.type}, expected a ${expected}; convert it first`);
}

/** Applies a pure operation with checked types, without folding; ops.ts has the names that kernels use. */
export function operation(op: Operation, ...args: Expr[]): OperationExpr {
  const signature = OPERATIONS[op];
  const arity = signature.indexOf(">");
  if (arity !== args.length) throw new TypeError(`${op}: got ${args.length} operands, expected ${arity}`);
  args.forEach((arg, i) => {
    checkType(arg, LETTERS[signature[i]], `${op}, operand ${i}`);
  });
  return { kind: "op", type: LETTERS[signature[arity + 1]], op, args };
}

/** Applies an operation with lane immediates, with checked types. */
export function laneOperation(op: LaneOperation, args: readonly Expr[], lanes: readonly number[]): LaneExpr {
  checkType(args[0], "v128", op);
  const limit = op === "shuffle4" ? 2 * LANES : op.startsWith("f64") ? LANES / 2 : LANES;
  for (const lane of lanes)
    if (!Number.isInteger(lane) || lane < 0 || lane >= limit)
      throw new RangeError(`${op}: got lane ${lane}, expected 0 to ${limit - 1}`);
  const scalar: ValueType = op.startsWith("f64") ? "f64" : op.startsWith("f32") ? "f32" : "i32";
  if (op === "shuffle4") checkType(args[1], "v128", op);
  else if (op.endsWith("replace_lane")) checkType(args[1], scalar, op);
  return { kind: "lanes", type: op.endsWith("extract_lane") ? scalar : "v128", op, args, lanes };
}

/**
 * Splits a byte address into a tree and an immediate offset, so that a constant part costs nothing. The tree that
 * remains must itself be an address that does not wrap below zero.
 */
export function splitAddress(address: Expr, offset: number): { address: Expr; offset: number } {
  checkType(address, "i32", "address");
  if (!Number.isInteger(offset)) throw new RangeError(`address offset: got ${offset}, expected an integer`);
  if (address.kind === "op" && address.op === "i32.add") {
    const [base, constant] = address.args;
    if (base !== undefined && constant?.kind === "const" && constant.value + offset >= 0)
      return { address: base, offset: offset + constant.value };
  }
  if (address.kind === "const") {
    const value = (address.value >>> 0) + offset;
    return { address: { kind: "const", type: "i32", value: 0 }, offset: value };
  }
  if (offset < 0) {
    const negative: Constant = { kind: "const", type: "i32", value: offset | 0 };
    return { address: operation("i32.add", address, negative), offset: 0 };
  }
  return { address, offset };
}

/** A load from a byte address, with checked types. */
export function load(op: LoadOperation, at: Expr, byteOffset: number): LoadExpr {
  return { kind: "load", type: LOADS[op], op, ...splitAddress(at, byteOffset) };
}
