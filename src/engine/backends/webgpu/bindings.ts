// How the arguments of calls are bound. A shader may not bind overlapping parts of a buffer twice if it writes one of
// them: arguments that overlap (a value computed in place, a part of a concatenation) share a binding.

import type { Arg, ArrayKind } from "./kernels/kernel.ts";

/** A part of a buffer of the device, in bytes. */
export interface Region {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** The type of a binding's elements in WGSL. */
type BoundType = "f32" | "i32" | "vec4<f32>";

/** The bindings of a call, or of several of one kernel that run together, and which of them each argument is in. */
export interface CallBindings {
  readonly bindings: readonly (Region & { readonly type: BoundType })[];
  /** Whether a table, bound after the others, has the places of the arguments of each call. */
  readonly hasTable: boolean;
  readonly args: readonly {
    readonly kind: ArrayKind;
    readonly binding: number;
    /** In elements, from the binding's first, without a table. */
    readonly offset: number;
  }[];
}

const ELEMENT = 4;
const FOUR = 16;

interface Group {
  readonly buffer: GPUBuffer;
  readonly start: number;
  end: number;
  readonly members: number[];
}

/** @param alignment of the offset of a binding, in bytes */
export function bind(
  regions: readonly Region[],
  kinds: readonly ArrayKind[],
  alignment: number,
): CallBindings {
  const groups: Group[] = [];
  const order = regions.map((_, i) => i).sort((a, b) => regions[a].offset - regions[b].offset);
  for (const i of order) {
    const { buffer, offset, size } = regions[i];
    const start = Math.floor(offset / alignment) * alignment;
    const overlapping = groups.find((group) => group.buffer === buffer && start < group.end);
    if (overlapping === undefined) {
      groups.push({ buffer, start, end: offset + size, members: [i] });
    } else {
      overlapping.end = Math.max(overlapping.end, offset + size);
      overlapping.members.push(i);
    }
  }
  return boundTo(groups, [regions], kinds, false);
}

/** Whether calls of a kernel can run together: argument by argument, they are in the same buffers. */
export const fitTogether = (a: readonly Region[], b: readonly Region[]): boolean =>
  a.every(({ buffer }, i) => buffer === b[i].buffer);

/** Binds calls of one kernel that run together; whole buffers. @param calls that fit together */
export function bindTogether(
  calls: readonly (readonly Region[])[],
  kinds: readonly ArrayKind[],
): CallBindings {
  const buffers = [...new Set(calls[0].map(({ buffer }) => buffer))];
  const groups = buffers.map(
    (buffer): Group => ({
      buffer,
      start: 0,
      end: buffer.size,
      members: calls[0].flatMap((region, i) => (region.buffer === buffer ? [i] : [])),
    }),
  );
  return boundTo(groups, calls, kinds, true);
}

/** The places of the arguments of calls that run together, in elements: argument after argument, call after call. */
export const placesOf = (calls: readonly (readonly Region[])[]): Uint32Array<ArrayBuffer> =>
  Uint32Array.from(calls.flatMap((regions) => regions.map(({ offset }) => offset / ELEMENT)));

function boundTo(
  groups: readonly Group[],
  calls: readonly (readonly Region[])[],
  kinds: readonly ArrayKind[],
  hasTable: boolean,
): CallBindings {
  return {
    hasTable,
    bindings: groups.map(({ buffer, start, end, members }) => {
      const areAligned = members.every((i) => calls.every((regions) => regions[i].offset % FOUR === 0));
      const type = typeOf(
        members.map((i) => kinds[i]),
        areAligned,
      );
      const whole = type === "vec4<f32>" ? FOUR : ELEMENT;
      return { buffer, offset: start, size: Math.ceil((end - start) / whole) * whole, type };
    }),
    args: kinds.map((kind, i) => {
      const binding = groups.findIndex(({ members }) => members.includes(i));
      const offset = hasTable ? 0 : (calls[0][i].offset - groups[binding].start) / ELEMENT;
      return { kind, binding, offset };
    }),
  };
}

/** The type by which arguments of some kinds can share a binding. */
function typeOf(kinds: readonly ArrayKind[], areAligned: boolean): BoundType {
  if (kinds.every((kind) => kind === "i32")) return "i32";
  if (kinds.includes("i32")) throw new Error(`one array is bound as ${kinds.join(" and as ")}`);
  return areAligned && kinds.every((kind) => kind === "f32x4") ? "vec4<f32>" : "f32";
}

/**
 * Whether arguments can be bound by whole buffers: those of one buffer are of one type, and there are few of them.
 * @param most buffers that a shader can bind, beside a table
 */
export function canBindTogether(
  regions: readonly Region[],
  kinds: readonly ArrayKind[],
  most: number,
): boolean {
  const areInts = new Map<GPUBuffer, boolean>();
  for (const [i, { buffer }] of regions.entries()) {
    const known = areInts.get(buffer);
    if (known !== undefined && known !== (kinds[i] === "i32")) return false;
    areInts.set(buffer, kinds[i] === "i32");
  }
  return areInts.size <= most;
}

/** A text that is equal for calls whose shaders are equal, given equal kernels. */
export const bindingKey = ({ bindings, args, hasTable }: CallBindings): string =>
  `${hasTable}|${bindings.map(({ type }) => type).join()}|${args.map(({ binding, offset }) => `${binding}+${offset}`).join()}`;

/** Declarations of the bindings in WGSL. */
export const declarations = ({ bindings }: CallBindings): string =>
  bindings
    .map(({ type }, i) => `@group(0) @binding(${i}) var<storage, read_write> array${i}: array<${type}>;\n`)
    .join("");

/** The arguments in WGSL; those of calls that run together begin at `place0`, `place1`, ... */
export const argsOf = ({ bindings, args, hasTable }: CallBindings): Arg[] =>
  args.map(({ kind, binding, offset }, i) => {
    const array = `array${binding}`;
    const moved = (index: string, by = 0) =>
      [index, ...(hasTable ? [`place${i}`] : []), ...(offset + by === 0 ? [] : [`${offset + by}u`])].join(
        " + ",
      );
    if (kind !== "f32x4") {
      return {
        load: (index) => `${array}[${moved(index)}]`,
        store: (index, value) => `${array}[${moved(index)}] = ${value};`,
      };
    }
    if (bindings[binding].type === "vec4<f32>") {
      return {
        load: (index) => `${array}[(${moved(index)}) / 4u]`,
        store: (index, value) => `${array}[(${moved(index)}) / 4u] = ${value};`,
      };
    }
    const four = [0, 1, 2, 3];
    return {
      load: (index) => `vec4<f32>(${four.map((by) => `${array}[${moved(index, by)}]`).join(", ")})`,
      store: (index, value) =>
        `{ let first = ${index}; let four = ${value}; ${four.map((by) => `${array}[${moved("first", by)}] = four[${by}];`).join(" ")} }`,
    };
  });
