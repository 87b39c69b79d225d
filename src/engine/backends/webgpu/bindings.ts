// How the arguments of calls are bound. A shader may not bind overlapping parts of a buffer twice if it writes one of
// them: arguments that overlap (a value computed in place, a part of a concatenation) share a binding.

import { DTYPE_BYTES } from "../../graph.ts";
import type { Arg, ArrayKind } from "./kernels/kernel.ts";
import { fourOf, halfOf, oneOf, wordsOf } from "./wgsl/halves.ts";

/** A part of a buffer of the device, in bytes. */
export interface Region {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** What a device says of bindings. */
export interface BindingForm {
  /** Of the offset of a binding, in bytes. */
  readonly alignment: number;
  /** Whether shaders have 16-bit floats. */
  readonly hasHalves: boolean;
}

/**
 * The type of a binding's elements in WGSL. 16-bit floats are bound in fours as two words; one by one as what they are, or,
 * on devices without them, as words that invocations share.
 */
type BoundType = "f32" | "i32" | "vec4<f32>" | "vec2<u32>" | "f16" | "atomic<u32>";

const BYTES: Readonly<Record<BoundType, number>> = {
  f32: 4,
  i32: 4,
  "vec4<f32>": 16,
  "vec2<u32>": 8,
  f16: 2,
  "atomic<u32>": 4,
};

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

type Element = "i32" | "f32" | "f16";

const elementOf = (kind: ArrayKind): Element => (kind === "f32x4" ? "f32" : kind === "f16x4" ? "f16" : kind);
const bytesOf = (kind: ArrayKind): number => DTYPE_BYTES[elementOf(kind)];

interface Group {
  readonly buffer: GPUBuffer;
  readonly start: number;
  end: number;
  readonly members: number[];
}

export function bind(
  regions: readonly Region[],
  kinds: readonly ArrayKind[],
  form: BindingForm,
): CallBindings {
  const { alignment } = form;
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
  return boundTo(groups, [regions], kinds, form, false);
}

/** Whether calls of a kernel can run together: argument by argument, they are in the same buffers. */
export const fitTogether = (a: readonly Region[], b: readonly Region[]): boolean =>
  a.every(({ buffer }, i) => buffer === b[i].buffer);

/** Binds calls of one kernel that run together; whole buffers. @param calls that fit together */
export function bindTogether(
  calls: readonly (readonly Region[])[],
  kinds: readonly ArrayKind[],
  form: BindingForm,
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
  return boundTo(groups, calls, kinds, form, true);
}

/** The places of the arguments of calls that run together, in elements: argument after argument, call after call. */
export const placesOf = (
  calls: readonly (readonly Region[])[],
  kinds: readonly ArrayKind[],
): Uint32Array<ArrayBuffer> =>
  Uint32Array.from(calls.flatMap((regions) => regions.map(({ offset }, i) => offset / bytesOf(kinds[i]))));

function boundTo(
  groups: readonly Group[],
  calls: readonly (readonly Region[])[],
  kinds: readonly ArrayKind[],
  form: BindingForm,
  hasTable: boolean,
): CallBindings {
  return {
    hasTable,
    bindings: groups.map(({ buffer, start, end, members }) => {
      const areAligned = members.every((i) =>
        calls.every((regions) => regions[i].offset % (4 * bytesOf(kinds[i])) === 0),
      );
      const type = typeOf(
        members.map((i) => kinds[i]),
        areAligned,
        form,
      );
      // The size of a binding is a multiple of 4.
      const whole = Math.max(4, BYTES[type]);
      return { buffer, offset: start, size: Math.ceil((end - start) / whole) * whole, type };
    }),
    args: kinds.map((kind, i) => {
      const binding = groups.findIndex(({ members }) => members.includes(i));
      const offset = hasTable ? 0 : (calls[0][i].offset - groups[binding].start) / bytesOf(kind);
      return { kind, binding, offset };
    }),
  };
}

/** The type by which arguments of some kinds can share a binding. */
function typeOf(kinds: readonly ArrayKind[], areAligned: boolean, { hasHalves }: BindingForm): BoundType {
  const [element, ...others] = new Set(kinds.map(elementOf));
  if (others.length > 0) throw new Error(`one array is bound as ${kinds.join(" and as ")}`);
  const areFours = areAligned && kinds.every((kind) => kind.endsWith("x4"));
  switch (element) {
    case "i32":
      return "i32";
    case "f32":
      return areFours ? "vec4<f32>" : "f32";
    case "f16":
      return areFours ? "vec2<u32>" : hasHalves ? "f16" : "atomic<u32>";
    default:
      return element satisfies never;
  }
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
  const elements = new Map<GPUBuffer, Element>();
  for (const [i, { buffer }] of regions.entries()) {
    const known = elements.get(buffer);
    const element = elementOf(kinds[i]);
    if (known !== undefined && known !== element) return false;
    elements.set(buffer, element);
  }
  return elements.size <= most;
}

/** A text that is equal for calls whose shaders are equal, given equal kernels. */
export const bindingKey = ({ bindings, args, hasTable }: CallBindings): string =>
  `${hasTable}|${bindings.map(({ type }) => type).join()}|${args.map(({ binding, offset }) => `${binding}+${offset}`).join()}`;

/** Declarations of the bindings in WGSL; the first of a shader. */
export const declarations = ({ bindings }: CallBindings): string =>
  (bindings.some(({ type }) => type === "f16") ? "enable f16;\n" : "") +
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
    const { type } = bindings[binding];
    const one = oneIn(type, array);
    if (!kind.endsWith("x4")) {
      return {
        load: (index) => one.load(moved(index)),
        store: (index, value) => one.store(moved(index), value),
      };
    }
    if (type === "vec4<f32>" || type === "vec2<u32>") {
      const isHalf = type === "vec2<u32>";
      return {
        load: (index) => {
          const four = `${array}[(${moved(index)}) / 4u]`;
          return isHalf ? fourOf(four) : four;
        },
        store: (index, value) => {
          const four = `${array}[(${moved(index)}) / 4u]`;
          return isHalf
            ? `{ let half_four = ${value}; ${four} = ${wordsOf("half_four")}; }`
            : `${four} = ${value};`;
        },
      };
    }
    const four = [0, 1, 2, 3];
    return {
      load: (index) => `vec4<f32>(${four.map((by) => one.load(moved(index, by))).join(", ")})`,
      store: (index, value) =>
        `{ let first = ${index}; let four = ${value}; ${four.map((by) => one.store(moved("first", by), `four[${by}]`)).join(" ")} }`,
    };
  });

/** Single elements of an array of some type. */
function oneIn(type: BoundType, array: string): Arg {
  switch (type) {
    case "f16":
      return {
        load: (at) => `f32(${array}[${at}])`,
        store: (at, value) => `${array}[${at}] = ${halfOf(value)};`,
      };
    case "atomic<u32>":
      return {
        load: (at) => oneOf(`atomicLoad(&${array}[(${at}) / 2u])`, at),
        // The other half of the word may be another invocation's.
        store: (at, value) => `{ let half_at = ${at};
let half_shift = (half_at & 1u) * 16u;
let half_bits = (imago_pair(vec2<f32>(${value}, 0.0f)) & 0xffffu) << half_shift;
var half_before = atomicLoad(&${array}[half_at / 2u]);
loop {
let half_after = (half_before & ~(0xffffu << half_shift)) | half_bits;
let half_stored = atomicCompareExchangeWeak(&${array}[half_at / 2u], half_before, half_after);
if (half_stored.exchanged) { break; }
half_before = half_stored.old_value;
} }`,
      };
    default:
      return {
        load: (at) => `${array}[${at}]`,
        store: (at, value) => `${array}[${at}] = ${value};`,
      };
  }
}
