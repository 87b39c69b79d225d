// Forms of the instructions on integers, of control, and of those few on masks that have no EVEX form.

import { type Label, newLabel } from "../../src/engine/backends/cpu/native/label.ts";
import {
  type Assembler,
  CONDITION,
  type Condition,
} from "../../src/engine/backends/cpu/native/x64/assembler.ts";
import type { Memory } from "../../src/engine/backends/cpu/native/x64/registers.ts";
import type { Form } from "./x64_forms.ts";
import { hex, INTEGER, place, pointer } from "./x64_operands.ts";

/** With the letters that the names of their instructions end in. */
const CONDITIONS: readonly (readonly [Condition, string])[] = [
  [CONDITION.below, "b"],
  [CONDITION.aboveEqual, "ae"],
  [CONDITION.equal, "e"],
  [CONDITION.notEqual, "ne"],
  [CONDITION.belowEqual, "be"],
  [CONDITION.above, "a"],
  [CONDITION.less, "l"],
  [CONDITION.greaterEqual, "ge"],
  [CONDITION.lessEqual, "le"],
  [CONDITION.greater, "g"],
];

const { 64: R, 32: E, 16: W } = INTEGER;
/** Low and high registers in both operands; those whose names are special in addresses. */
const PAIRS: readonly (readonly [number, number])[] = [
  [1, 3],
  [2, 9],
  [15, 6],
  [12, 13],
  [4, 0],
  [5, 4],
];
const REGISTERS = [0, 3, 5, 7, 8, 12, 15];
const SMALL = [1, -1, 127, -128];
const LARGE = [128, -129, 0x12345678, -0x12345678];

const address = (base: number, disp = 0, index?: number, scale?: 1 | 2 | 4 | 8): Memory => ({
  kind: "address",
  ...{ base, index, scale, disp },
});
/** Every way to reach memory: without and with a displacement, scaled, from bases that need another form. */
const ADDRESSES: readonly Memory[] = [
  ...Array.from({ length: 16 }, (_, base) => address(base)),
  ...Array.from({ length: 16 }, (_, base) => address(base, base % 2 === 0 ? 0x7f : -0x80)),
  ...Array.from({ length: 16 }, (_, base) => address(base, base % 2 === 0 ? 0x80 : -0x81)),
  ...([1, 2, 4, 8] as const).flatMap((scale) => [
    address(0, 0, 1, scale),
    address(5, 0, 12, scale),
    address(13, 0x10, 15, scale),
    address(4, -0x20, 9, scale),
    address(12, 0x12345678, 5, scale),
    address(10, -0x12345678, 13, scale),
  ]),
];
const FEW_ADDRESSES = [address(3), address(13, 8), address(4, 0x1000), address(9, -8, 10, 4)];

const form = (text: string, write: (a: Assembler) => void): Form => ({ text, write });

export const integerForms = (): Form[] => [
  ...moves(),
  ...arithmetic(),
  ...conditional(),
  ...atomics(),
  ...hints(),
  ...jumps(),
  ...single(),
];

function moves(): Form[] {
  return [
    ...PAIRS.map(([to, from]) => form(`mov ${R[to]},${R[from]}`, (a) => a.move(to, from))),
    ...PAIRS.map(([to, from]) => form(`movsxd ${R[to]},${E[from]}`, (a) => a.loadI32(to, from))),
    ...REGISTERS.flatMap((to) => [
      form(`xor ${E[to]},${E[to]}`, (a) => a.moveConstant(to, 0)),
      ...[1, 0x7fffffff, 0x80000000, 0xffffffff].map((value) =>
        form(`mov ${E[to]},${hex(value)}`, (a) => a.moveConstant(to, value)),
      ),
      ...[-1, -200, -(2 ** 31)].map((value) =>
        form(`mov ${R[to]},${hex(value)}`, (a) => a.moveConstant(to, value)),
      ),
      ...[2 ** 32, 2 ** 52 + 3, -(2 ** 31) - 1, -(2 ** 52) - 5].map((value) =>
        form(`movabs ${R[to]},${hex(value)}`, (a) => a.moveConstant(to, value)),
      ),
    ]),
    ...ADDRESSES.flatMap((at, i) => {
      const r = (i * 7 + 3) & 15;
      return [
        form(`mov ${R[r]},${pointer(8, at)}`, (a) => a.load64(r, at)),
        form(`lea ${R[r]},${place(at)}`, (a) => a.address(r, at)),
      ];
    }),
    ...FEW_ADDRESSES.flatMap((at) =>
      [2, 11].flatMap((r) => [
        form(`movsxd ${R[r]},${pointer(4, at)}`, (a) => a.loadI32(r, at)),
        form(`movzx ${E[r]},${pointer(2, at)}`, (a) => a.loadU16(r, at)),
        form(`mov ${pointer(8, at)},${R[r]}`, (a) => a.store64(at, r)),
        form(`mov ${pointer(4, at)},${E[r]}`, (a) => a.store32(at, r)),
        form(`mov ${pointer(2, at)},${W[r]}`, (a) => a.store16(at, r)),
      ]),
    ),
  ];
}

const TWO_OPERANDS = [
  ["add", "add"],
  ["sub", "sub"],
  ["and", "and"],
  ["or", "or"],
  ["multiply", "imul"],
  ["compare", "cmp"],
] as const;
const WITH_CONSTANT = [
  [0, "add"],
  [1, "or"],
  [4, "and"],
  [5, "sub"],
  [7, "cmp"],
] as const;

function arithmetic(): Form[] {
  return [
    ...TWO_OPERANDS.flatMap(([method, name]) => [
      ...PAIRS.map(([x, y]) => form(`${name} ${R[x]},${R[y]}`, (a) => a[method](x, y))),
      ...FEW_ADDRESSES.flatMap((at) =>
        [2, 11].map((r) => form(`${name} ${R[r]},${pointer(8, at)}`, (a) => a[method](r, at))),
      ),
    ]),
    ...PAIRS.map(([x, y]) => form(`test ${R[x]},${R[y]}`, (a) => a.test(x, y))),
    ...WITH_CONSTANT.flatMap(([number, name]) =>
      [3, 4, 14].flatMap((r) =>
        [...SMALL, ...LARGE].map((value) =>
          form(`${name} ${R[r]},${hex(value)}`, (a) => a.withConstant(number, r, value)),
        ),
      ),
    ),
    ...PAIRS.flatMap(([to, from]) =>
      [...SMALL, ...LARGE].map((value) =>
        form(`imul ${R[to]},${R[from]},${hex(value)}`, (a) => a.multiplyConstant(to, from, value)),
      ),
    ),
    ...REGISTERS.flatMap((r) => [
      form(`neg ${R[r]}`, (a) => a.negate(r)),
      form(`div ${E[r]}`, (a) => a.divide32(r)),
      form(`shl ${R[r]},0x1f`, (a) => a.shift(4, r, 31)),
      form(`shr ${R[r]},0x29`, (a) => a.shift(5, r, 41)),
      form(`shr ${E[r]},0x3`, (a) => a.shift(5, r, 3, 0)),
    ]),
    ...[
      [1, 2, 3],
      [9, 2, 3],
      [1, 10, 3],
      [1, 2, 11],
      [15, 14, 13],
    ].flatMap(([to, from, count]) => [
      form(`shlx ${R[to]},${R[from]},${R[count]}`, (a) => a.shiftBy("left", to, from, count)),
      form(`shrx ${E[to]},${E[from]},${E[count]}`, (a) => a.shiftBy("right", to, from, count)),
    ]),
  ];
}

const conditional = (): Form[] =>
  CONDITIONS.flatMap(([condition, suffix]) => [
    ...PAIRS.map(([to, from]) =>
      form(`cmov${suffix} ${R[to]},${R[from]}`, (a) => a.moveIf(condition, to, from)),
    ),
    ...[0, 7, 12].map((to) => form(`set${suffix} al; movzx ${E[to]},al`, (a) => a.setIf(condition, to))),
  ]);

const atomics = (): Form[] =>
  FEW_ADDRESSES.flatMap((at) =>
    [0, 2, 11].flatMap((r) => [
      form(`lock xadd ${pointer(4, at)},${E[r]}`, (a) => a.lockedAdd(at, r)),
      form(`xchg ${pointer(4, at)},${E[r]}`, (a) => a.exchange(at, r)),
      form(`lock cmpxchg ${pointer(4, at)},${E[r]}`, (a) => a.lockedCompareExchange(at, r)),
    ]),
  );

const hints = (): Form[] =>
  FEW_ADDRESSES.map((at) => form(`prefetcht0 ${pointer(1, at)}`, (a) => a.prefetch(at)));

/** Writes one-byte instructions, then the instruction. */
const behind = (count: number, write: (a: Assembler, start: Label) => void) => (a: Assembler) => {
  const start = newLabel();
  a.bind(start);
  for (let i = 0; i < count; i++) a.zeroUpper();
  write(a, start);
};
/** The same in text: 3 bytes each. */
const zeros = (count: number): string => Array<string>(count).fill("vzeroupper").join("; ");
/** Writes the instruction with a label that is `count` times 3 bytes behind it. */
const before = (count: number, write: (a: Assembler, end: Label) => void) => (a: Assembler) => {
  const end = newLabel();
  write(a, end);
  for (let i = 0; i < count; i++) a.zeroUpper();
  a.bind(end);
};

function jumps(): Form[] {
  const jumpForms = (
    name: string,
    nearBytes: number,
    write: (a: Assembler, target: Label) => void,
  ): Form[] => [
    // Back: as far as one byte reaches, 126 bytes and the jump's own 2, and a step farther.
    form(`${name} 0x0`, behind(0, write)),
    form(`${zeros(42)}; ${name} 0x0`, behind(42, write)),
    form(`${zeros(43)}; ${name} 0x0`, behind(43, write)),
    // Forward always four bytes.
    form(`${name} ${hex(nearBytes)}`, before(0, write)),
    form(`${name} ${hex(nearBytes + 9)}; ${zeros(3)}`, before(3, write)),
  ];
  return [
    ...jumpForms("jmp", 5, (a, target) => a.jump(target)),
    ...CONDITIONS.flatMap(([condition, suffix]) =>
      jumpForms(`j${suffix}`, 6, (a, target) => a.jumpIf(condition, target)),
    ),
    form(
      "call 0x0",
      behind(0, (a, target) => a.call(target)),
    ),
    form(
      `${zeros(2)}; call 0x0`,
      behind(2, (a, target) => a.call(target)),
    ),
    form(
      `call 0xb; ${zeros(2)}`,
      before(2, (a, target) => a.call(target)),
    ),
    ...[0, 6, 8, 13].flatMap((to) => [
      form(
        `lea ${R[to]},[0x0]`,
        behind(0, (a, target) => a.addressOfLabel(to, target)),
      ),
      form(
        `lea ${R[to]},[0xd]; ${zeros(2)}`,
        before(2, (a, target) => a.addressOfLabel(to, target)),
      ),
    ]),
    ...REGISTERS.map((r) => form(`call ${R[r]}`, (a) => a.callRegister(r))),
  ];
}

const single = (): Form[] => [
  ...Array.from({ length: 16 }, (_, r) => [
    form(`push ${R[r]}`, (a) => a.push(r)),
    form(`pop ${R[r]}`, (a) => a.pop(r)),
  ]).flat(),
  form("ret", (a) => a.return()),
  form("syscall", (a) => a.systemCall()),
  form("cpuid", (a) => a.processorInformation()),
  form("xgetbv", (a) => a.extendedControl()),
  form("vzeroupper", (a) => a.zeroUpper()),
  form("ret; nop; nop; nop", (a) => {
    a.return();
    a.align(4);
  }),
  ...[0, 5, 8, 15].flatMap((r) =>
    [1, 7].map((mask) => form(`kmovw k${mask},${E[r]}`, (a) => a.maskFromInt(mask, r))),
  ),
];
