// What a kernel is: WGSL for one step of a program, generated for exact shapes, and the workgroups that run it.

import type { DType } from "../../../graph.ts";
import type { LoweredOp } from "../../../program/kernel_set.ts";

/** How floats are stored; f16 are widened to f32 when they are read, and rounded when they are written. */
export type Stored = "f32" | "f16";

/**
 * How a kernel sees an array: as floats, as integers, or as floats that it reads and writes in fours, from indices that are
 * multiples of 4.
 */
export type ArrayKind = "i32" | Stored | `${Stored}x4`;

/** @throws Error for elements that kernels do not read as floats */
export function storedAs(dtype: DType): Stored {
  if (dtype === "f32" || dtype === "f16") return dtype;
  throw new Error(`no WGSL for floats of ${dtype}`);
}

/** An array of floats, in fours if it can be. */
export const floats = (stored: Stored, inFours: boolean): ArrayKind => (inFours ? `${stored}x4` : stored);

/** An argument of a kernel, in its WGSL. Indices are u32 and count elements. */
export interface Arg {
  /** The element at an index; or the four from it on, in an array of fours. */
  load(index: string): string;
  /** A statement that writes there. */
  store(index: string, value: string): string;
}

export interface GpuKernel {
  /** The kind of work, for profiles: "conv2d", "matmul", "pointwise", ... */
  readonly family: string;
  /** Equal keys mean equal code, for arguments that are bound in the same way. */
  readonly key: string;
  readonly arrays: readonly ArrayKind[];
  readonly workgroups: Workgroups;
  /** Floating-point operations of the step, and bytes that it must move. */
  readonly flops: number;
  /** `flops` counts operations that the kernel's algorithm saves. */
  readonly fewerFlops?: true;
  readonly bytes: number;
  readonly emit: (args: readonly Arg[]) => Shader;
  /** The kernel as a stage of a chain, if it is small. */
  readonly stage?: Stage;
}

/** A small kernel whose whole work one workgroup can do, as a part of a chain of such. */
export interface Stage {
  readonly arrays: readonly ArrayKind[];
  /** Results, each the work of one invocation. */
  readonly results: number;
  /** Statements that compute a result, `i` (u32), with values of one float. */
  readonly emit: (args: readonly Arg[]) => string;
}

/** A kernel's WGSL, without its arguments and entry point. */
export interface Shader {
  /** Functions and workgroup memory. */
  readonly head: string;
  /** Invocations of a workgroup. */
  readonly size: number;
  /** Invocations of each subgroup, if it uses them: `lane` then counts subgroup by subgroup. */
  readonly subgroup?: number;
  /** Statements, with `group`, the number of the workgroup (vec3<u32>), and `lane`, that of the invocation in it. */
  readonly body: string;
}

export type Workgroups = readonly [x: number, y: number, z: number];

/** An operation lowered to kernels. */
export type Lowered = LoweredOp<GpuKernel>;

/** Most workgroups along one axis, of any device. */
export const MOST_GROUPS = 65535;

/** Workgroups of a one-dimensional kernel, in two axes where there are many. */
export function groupsOf(count: number): Workgroups {
  if (count <= MOST_GROUPS) return [count, 1, 1];
  const rows = Math.ceil(count / MOST_GROUPS);
  return [Math.ceil(count / rows), rows, 1];
}

/** The number of a workgroup of `groupsOf`, in WGSL. */
export const groupIndex = ([x]: Workgroups): string => `(group.x + group.y * ${x}u)`;
