// Forms of arm64's instructions on integers, as objdump prints them.

import {
  CONDITION,
  type Condition,
  type IntegerOperation,
} from "../../src/engine/backends/cpu/native/arm64/assembler.ts";
import { type Form, form, hex, PAIRS, REGISTERS, TRIPLES } from "./arm64_forms.ts";

/** The names of a register; number 31 is zero here. */
export const x = (register: number): string => (register === 31 ? "xzr" : `x${register}`);
export const w = (register: number): string => (register === 31 ? "wzr" : `w${register}`);
/** And the stack pointer there. */
export const xs = (register: number): string => (register === 31 ? "sp" : `x${register}`);

/** With the letters that the names of their instructions have. */
export const CONDITIONS: readonly (readonly [Condition, string])[] = [
  [CONDITION.equal, "eq"],
  [CONDITION.notEqual, "ne"],
  [CONDITION.aboveEqual, "cs"],
  [CONDITION.below, "cc"],
  [CONDITION.greaterEqual, "ge"],
  [CONDITION.less, "lt"],
  [CONDITION.greater, "gt"],
  [CONDITION.lessEqual, "le"],
];

const OPERATIONS: Readonly<Record<IntegerOperation, readonly [string, typeof x]>> = {
  and: ["and", x],
  or: ["orr", x],
  multiply: ["mul", x],
  divide32: ["udiv", w],
  shiftLeft: ["lsl", x],
  shiftRight32: ["lsr", w],
};
const isOperation = (name: string): name is IntegerOperation => name in OPERATIONS;

export const integerForms = (): Form[] => [
  ...constants(),
  ...registers(),
  ...sums(),
  ...shifts(),
  ...choices(),
];

/** A move of 16 bits, and others that put 16 bits each into their place. */
const CONSTANTS: readonly (readonly [number, string])[] = [
  [0, "mov R, #0x0"],
  [1, "mov R, #0x1"],
  [0xffff, "mov R, #0xffff"],
  [0x10000, "mov R, #0x10000"],
  [0x12345678, "mov R, #0x5678; movk R, #0x1234, lsl #16"],
  [0xffffffff, "mov R, #0xffff; movk R, #0xffff, lsl #16"],
  [2 ** 32, "mov R, #0x100000000"],
  [2 ** 48, "mov R, #0x1000000000000"],
  [2 ** 52 + 3 * 2 ** 32 + 7, "mov R, #0x7; movk R, #0x3, lsl #32; movk R, #0x10, lsl #48"],
  [-1, "mov R, #0xffffffffffffffff"],
  [-2, "mov R, #0xfffffffffffffffe"],
  [-65536, "mov R, #0xffffffffffff0000"],
  [-65537, "mov R, #0xfffffffffffeffff"],
  [-(2 ** 40) - 3, "mov R, #0xfffffffffffffffd; movk R, #0xfeff, lsl #32"],
  [-(2 ** 33), "mov R, #0xfffe00000000; movk R, #0xffff, lsl #48"],
];

function constants(): Form[] {
  return REGISTERS.flatMap((to) =>
    CONSTANTS.map(([value, text]) => form(text.replaceAll("R", x(to)), (a) => a.moveConstant(to, value))),
  );
}

const registers = (): Form[] => [
  ...PAIRS.map(([to, from]) => form(`mov ${x(to)}, ${x(from)}`, (a) => a.move(to, from))),
  ...Object.keys(OPERATIONS)
    .filter(isOperation)
    .flatMap((operation) => {
      const [name, r] = OPERATIONS[operation];
      return TRIPLES.filter((each) => operation !== "or" || each[1] !== 31).map(([to, p, q]) =>
        form(`${name} ${r(to)}, ${r(p)}, ${r(q)}`, (a) => a.integer(operation, to, p, q)),
      );
    }),
  ...TRIPLES.map(([to, p, q]) =>
    form(`msub ${x(to)}, ${x(p)}, ${x(q)}, x7`, (a) => a.multiplySubtract(to, p, q, 7)),
  ),
  form("msub x1, x2, x3, x28", (a) => a.multiplySubtract(1, 2, 3, 28)),
];

const SUMS = [1, 4095, 4096, 0xfff000];

const sums = (): Form[] => [
  ...TRIPLES.flatMap(([to, p, q]) => [
    form(`add ${x(to)}, ${x(p)}, ${x(q)}`, (a) => a.add(to, p, q)),
    ...[1, 4, 63].map((shift) =>
      form(`add ${x(to)}, ${x(p)}, ${x(q)}, lsl #${shift}`, (a) => a.add(to, p, q, shift)),
    ),
    ...(p === 31
      ? [form(`neg ${x(to)}, ${x(q)}`, (a) => a.subtract(to, p, q))]
      : [form(`sub ${x(to)}, ${x(p)}, ${x(q)}`, (a) => a.subtract(to, p, q))]),
  ]),
  ...PAIRS.flatMap(([to, from]) =>
    SUMS.flatMap((value) => [
      form(`add ${xs(to)}, ${xs(from)}, #${shifted(value)}`, (a) => a.addConstant(to, from, value)),
      form(`sub ${xs(to)}, ${xs(from)}, #${shifted(value)}`, (a) => a.addConstant(to, from, -value)),
    ]),
  ),
  ...PAIRS.map(([p, q]) => form(`cmp ${x(p)}, ${x(q)}`, (a) => a.compare(p, q))),
  ...REGISTERS.flatMap((p) => [
    form(`cmp ${x(p)}, #0x0`, (a) => a.compareConstant(p, 0)),
    ...SUMS.flatMap((value) => [
      form(`cmp ${x(p)}, #${shifted(value)}`, (a) => a.compareConstant(p, value)),
      form(`cmn ${x(p)}, #${shifted(value)}`, (a) => a.compareConstant(p, -value)),
    ]),
  ]),
];
const shifted = (value: number): string => (value < 4096 ? hex(value) : `${hex(value / 4096)}, lsl #12`);

const shifts = (): Form[] =>
  PAIRS.flatMap(([to, from]) => [
    ...[1, 31, 63].flatMap((count) => [
      form(`lsl ${x(to)}, ${x(from)}, #${count}`, (a) => a.shiftLeftBy(to, from, count)),
      form(`lsr ${x(to)}, ${x(from)}, #${count}`, (a) => a.shiftRightBy(to, from, count)),
    ]),
    ...[1, 31].map((count) =>
      form(`lsr ${w(to)}, ${w(from)}, #${count}`, (a) => a.shiftRight32By(to, from, count)),
    ),
    ...[1, 5, 30, 62].map((count) =>
      form(`ubfx ${x(to)}, ${x(from)}, #0, #${count}`, (a) => a.keepLow(to, from, count)),
    ),
    form(`sxtw ${x(to)}, ${w(from)}`, (a) => a.extend32(to, from)),
  ]);

const choices = (): Form[] =>
  CONDITIONS.flatMap(([condition, name]) => [
    ...[
      [0, 1, 2],
      [21, 10, 30],
      [10, 21, 5],
    ].map(([to, p, q]) =>
      form(`csel ${x(to)}, ${x(p)}, ${x(q)}, ${name}`, (a) => a.choose(condition, to, p, q)),
    ),
    ...[0, 21, 10].map((to) => form(`cset ${x(to)}, ${name}`, (a) => a.setIf(condition, to))),
  ]);
