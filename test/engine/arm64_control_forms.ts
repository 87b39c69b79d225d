// Forms of arm64's branches and calls, as objdump prints them.

import type { Assembler } from "../../src/engine/backends/cpu/native/arm64/assembler.ts";
import { type Label, newLabel } from "../../src/engine/backends/cpu/native/label.ts";
import { type Form, form, hex, REGISTERS } from "./arm64_forms.ts";
import { CONDITIONS, x } from "./arm64_integer_forms.ts";

/** Writes some instructions, then one that refers to the first. */
const behind = (count: number, write: (a: Assembler, start: Label) => void) => (a: Assembler) => {
  const start = newLabel();
  a.bind(start);
  for (let i = 0; i < count; i++) a.return();
  write(a, start);
};
/** Writes an instruction that refers to a place behind some others. */
const before = (count: number, write: (a: Assembler, end: Label) => void) => (a: Assembler) => {
  const end = newLabel();
  write(a, end);
  for (let i = 0; i < count; i++) a.return();
  a.bind(end);
};
const returns = (count: number): string => "ret; ".repeat(count);

const around = (name: string, write: (a: Assembler, target: Label) => void): Form[] => [
  form(`${name} 0x0`, behind(0, write)),
  form(`${returns(3)}${name} 0x0`, behind(3, write)),
  form(`${name} 0x4`, before(0, write)),
  form(`${name} ${hex(12)}; ${returns(2)}`.slice(0, -2), before(2, write)),
];

export const controlForms = (): Form[] => [
  ...around("b", (a, target) => a.jump(target)),
  ...around("bl", (a, target) => a.call(target)),
  ...CONDITIONS.flatMap(([condition, name]) =>
    around(`b.${name}`, (a, target) => a.jumpIf(condition, target)),
  ),
  ...[0, 10, 21].flatMap((r) => [
    ...around(`cbz ${x(r)},`, (a, target) => a.jumpIfZero(r, target)),
    ...around(`cbnz ${x(r)},`, (a, target) => a.jumpUnlessZero(r, target)),
  ]),
  ...REGISTERS.map((r) => form(`blr ${x(r)}`, (a) => a.callRegister(r))),
  form("ret", (a) => a.return()),
  form("svc #0x0", (a) => a.systemCall()),
  form("ret; nop; nop; nop", (a) => {
    a.return();
    a.align(16);
  }),
  ...[0, 10, 21].flatMap((to) => [
    form(
      `ret; adr ${x(to)}, 0x4; mov x17, #0xfffc; movk x17, #0xffff, lsl #16; add ${x(to)}, ${x(to)}, w17, sxtw`,
      behind(1, (a, target) => a.addressOfLabel(to, target)),
    ),
    form(
      `adr ${x(to)}, 0x0; mov x17, #0x18; movk x17, #0x0, lsl #16; add ${x(to)}, ${x(to)}, w17, sxtw; ret; ret`,
      before(2, (a, target) => a.addressOfLabel(to, target)),
    ),
  ]),
];
