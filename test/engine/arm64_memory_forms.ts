// Forms of arm64's loads and stores, as objdump prints them.

import {
  type Atomic,
  MEMORY,
  type MemoryOperation,
} from "../../src/engine/backends/cpu/native/arm64/memory_opcodes.ts";
import { type Form, form, PAIRS, TRIPLES } from "./arm64_forms.ts";
import { w, x, xs } from "./arm64_integer_forms.ts";

/** The names of an instruction, plain and with an offset that is no multiple, and of its register. */
const NAMES: Readonly<Record<MemoryOperation, readonly [string, string, (register: number) => string]>> = {
  load64: ["ldr", "ldur", x],
  store64: ["str", "stur", x],
  loadI32: ["ldrsw", "ldursw", x],
  store32: ["str", "stur", w],
  loadU16: ["ldrh", "ldurh", w],
  store16: ["strh", "sturh", w],
  loadFloat: ["ldr", "ldur", (r) => `s${r}`],
  storeFloat: ["str", "stur", (r) => `s${r}`],
  loadDouble: ["ldr", "ldur", (r) => `d${r}`],
  storeDouble: ["str", "stur", (r) => `d${r}`],
  loadVector: ["ldr", "ldur", (r) => `q${r}`],
  storeVector: ["str", "stur", (r) => `q${r}`],
  prefetch: ["prfm", "prfum", () => "pldl1keep"],
};
const isOperation = (name: string): name is MemoryOperation => name in NAMES;

export const memoryForms = (): Form[] => [
  ...Object.keys(NAMES).filter(isOperation).flatMap(accesses),
  ...constants(),
  ...atomics(),
];

function accesses(operation: MemoryOperation): Form[] {
  const [name, unscaled, r] = NAMES[operation];
  const { bytes } = MEMORY[operation];
  const pairs = operation === "prefetch" ? PAIRS.map(([, base]) => [0, base] as const) : PAIRS;
  const triples = operation === "prefetch" ? TRIPLES.filter(([to]) => to === 0) : TRIPLES;
  const at = (base: number, disp: number) => (disp === 0 ? `[${xs(base)}]` : `[${xs(base)}, #${disp}]`);
  const unique = [...new Map(pairs.map((pair) => [pair.join(), pair])).values()];
  return [
    ...unique.flatMap(([to, base]) => [
      ...[0, bytes, 256 * bytes, 4095 * bytes].map((disp) =>
        form(`${name} ${r(to)}, ${at(base, disp)}`, (a) => a.memory(operation, to, { base, disp })),
      ),
      ...[-1, -bytes - 1, -256, bytes + 1, 255]
        .filter((disp, i, all) => all.indexOf(disp) === i)
        .map((disp) =>
          form(`${unscaled} ${r(to)}, ${at(base, disp)}`, (a) => a.memory(operation, to, { base, disp })),
        ),
    ]),
    ...triples.flatMap(([to, base, index]) =>
      [0, Math.log2(bytes)].map((shift) =>
        form(`${name} ${r(to)}, [${xs(base)}, ${x(index)}${shift === 0 ? "" : `, lsl #${shift}`}]`, (a) =>
          a.memory(operation, to, { base, index, shift }),
        ),
      ),
    ),
  ];
}

/** Constants follow their instruction, aligned. */
const constants = (): Form[] =>
  [0, 10, 21, 31].flatMap((to) => [
    { ...form(`ldr s${to}, 0x4`, (a) => a.constant(to, [5])), words: [5] },
    { ...form(`ldr d${to}, 0x8`, (a) => a.constant(to, [5, 6])), words: [5, 6] },
    { ...form(`ldr q${to}, 0x10`, (a) => a.constant(to, [5, 6, 7, -8])), words: [5, 6, 7, -8] },
  ]);

const ATOMICS: Readonly<Record<Atomic, string>> = {
  loadAcquire: "ldar",
  storeRelease: "stlr",
  loadExclusive: "ldaxr",
};
const isAtomic = (name: string): name is Atomic => name in ATOMICS;

const atomics = (): Form[] => [
  ...Object.keys(ATOMICS)
    .filter(isAtomic)
    .flatMap((operation) =>
      PAIRS.map(([to, base]) =>
        form(`${ATOMICS[operation]} ${w(to)}, [${xs(base)}]`, (a) => a.atomic(operation, to, base)),
      ),
    ),
  ...[
    [17, 0, 31],
    [31, 10, 21],
    [10, 21, 0],
  ].map(([failed, register, base]) =>
    form(`stlxr ${w(failed)}, ${w(register)}, [${xs(base)}]`, (a) =>
      a.storeExclusive(failed, register, base),
    ),
  ),
];
