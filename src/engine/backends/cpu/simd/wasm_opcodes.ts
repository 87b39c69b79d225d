// WebAssembly instruction codes of the kernel language. A code above 0xff is a prefix byte and an index: 0xfd0105 is 0xfd, 0x105.

import type { LaneOperation, LoadOperation, Operation, ValueType } from "./expr.ts";
import type { AtomicOperation, StoreOperation } from "./statement.ts";

export const VALUE_TYPES: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

// biome-ignore format: a table
/** Operations that are one instruction everywhere; the others are in RELAXED or spelt out by the encoder. */
export const OPCODES: Readonly<Record<Exclude<Operation, "f32x4.fma" | "f32x4.fnma">, number>> = {
  "i32.eqz": 0x45, "i32.eq": 0x46, "i32.ne": 0x47, "i32.lt_s": 0x48, "i32.lt_u": 0x49,
  "i32.gt_s": 0x4a,
  "i32.add": 0x6a, "i32.sub": 0x6b, "i32.mul": 0x6c, "i32.div_u": 0x6e,
  "i32.rem_u": 0x70, "i32.and": 0x71, "i32.or": 0x72,
  "i32.shl": 0x74, "i32.shr_u": 0x76,
  "f32.add": 0x92, "f32.max": 0x97,
  "i32.select": 0x1b, "i64.select": 0x1b, "f32.select": 0x1b, "f64.select": 0x1b, "v128.select": 0x1b,
  "f32x4.splat": 0xfd0013, "i32x4.splat": 0xfd0011, "f64x2.splat": 0xfd0014,
  "f32x4.add": 0xfd00e4, "f32x4.sub": 0xfd00e5, "f32x4.mul": 0xfd00e6, "f32x4.div": 0xfd00e7,
  "f32x4.min": 0xfd00e8, "f32x4.max": 0xfd00e9, "f32x4.pmin": 0xfd00ea, "f32x4.pmax": 0xfd00eb,
  "f32x4.sqrt": 0xfd00e3, "f32x4.abs": 0xfd00e0, "f32x4.neg": 0xfd00e1,
  "f32x4.floor": 0xfd0068, "f32x4.ceil": 0xfd0067, "f32x4.trunc": 0xfd0069,
  "f32x4.eq": 0xfd0041, "f32x4.ne": 0xfd0042, "f32x4.lt": 0xfd0043, "f32x4.gt": 0xfd0044, "f32x4.le": 0xfd0045,
  "v128.laneselect": 0xfd0052, "v128.and": 0xfd004e, "v128.or": 0xfd0050, "v128.xor": 0xfd0051, "v128.andnot": 0xfd004f, "v128.not": 0xfd004d,
  "i32x4.add": 0xfd00ae, "i32x4.sub": 0xfd00b1, "i32x4.mul": 0xfd00b5,
  "i32x4.shl": 0xfd00ab, "i32x4.shr_s": 0xfd00ac, "i32x4.shr_u": 0xfd00ad,
  "i32x4.lt_s": 0xfd0039,
  "i64x2.extmul_low_u32": 0xfd00de, "i64x2.extmul_high_u32": 0xfd00df,
  "f32x4.convert_i32x4_s": 0xfd00fa, "i32x4.trunc_sat_f32x4_s": 0xfd00f8,
  "f64x2.mul": 0xfd00f2,
  "f64x2.promote_low_f32x4": 0xfd005f, "f32x4.demote_f64x2_zero": 0xfd005e,
};

/** Operations that relaxed SIMD does in one instruction. */
export const RELAXED: Readonly<Partial<Record<Operation, number>>> = {
  "f32x4.fma": 0xfd0105,
  "f32x4.fnma": 0xfd0106,
  "v128.laneselect": 0xfd010b,
};

export const LANE_OPCODES: Readonly<Record<LaneOperation, number>> = {
  "f32x4.extract_lane": 0xfd001f,
  "i32x4.extract_lane": 0xfd001b,
  "f64x2.extract_lane": 0xfd0021,
  "f32x4.replace_lane": 0xfd0020,
  "i32x4.replace_lane": 0xfd001c,
  shuffle4: 0xfd000d,
};

export const LOAD_OPCODES: Readonly<Record<LoadOperation, number>> = {
  "i32.load": 0x28,
  "i32.load16_u": 0x2f,
  "address.load": 0x28, // the lower half
  "i32.atomic.load": 0xfe0010,
  "f32.load": 0x2a,
  "v128.load": 0xfd0000,
  "v128.load16x4_u": 0xfd0004,
  "v128.load32_splat": 0xfd0009,
  "v128.load32_zero": 0xfd005c,
  "v128.load64_zero": 0xfd005d,
};

export const STORE_OPCODES: Readonly<Record<StoreOperation, number>> = {
  "i32.store": 0x36,
  "f32.store": 0x38,
  "f64.store": 0x39,
  "i32.store16": 0x3b,
  "v128.store": 0xfd000b,
  "v128.store16x4": 0xfd005b,
  "v128.store32_lane0": 0xfd005a,
  "v128.store64_lane0": 0xfd005b,
  "i32.atomic.store": 0xfe0017,
};

/** i16x8.narrow_i32x4_u: precedes the store of the low halves of four lanes. */
export const NARROW_LANES = 0xfd0086;

export const ATOMIC_OPCODES: Readonly<Record<AtomicOperation, number>> = {
  "i32.atomic.rmw.add": 0xfe001e,
  "i32.atomic.rmw.xchg": 0xfe0041,
  "i32.atomic.rmw.cmpxchg": 0xfe0048,
  "memory.atomic.wait32": 0xfe0001,
  "memory.atomic.notify": 0xfe0000,
};
