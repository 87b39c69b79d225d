// Writes x86-64 instructions: integer instructions of 64 bits, and vector instructions in VEX (AVX2) or EVEX (AVX-512)
// form. Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapters 2 and 3.

import type { VectorCount } from "../../simd/builder.ts";
import type { Label } from "../label.ts";
import type { Memory, Operand } from "./registers.ts";
import { RSP } from "./registers.ts";
import type { VectorOpcode } from "./vector_opcodes.ts";

/** How many vectors of 128 bits a register holds. */
export type Width = VectorCount;

/** The condition codes of jumps, moves and bytes. */
export const CONDITION = {
  below: 0x2,
  aboveEqual: 0x3,
  equal: 0x4,
  notEqual: 0x5,
  belowEqual: 0x6,
  above: 0x7,
  less: 0xc,
  greaterEqual: 0xd,
  lessEqual: 0xe,
  greater: 0xf,
} as const;
export type Condition = (typeof CONDITION)[keyof typeof CONDITION];
/** The opposite condition. */
export const negate = (condition: Condition): Condition => (condition ^ 1) as Condition;

/** Options of a vector instruction. */
export interface VectorForm {
  readonly imm?: number;
  /** A mask register, 1 to 7: of the result where the instruction writes one, otherwise of the lanes written. */
  readonly mask?: number;
  /** EVEX: the memory operand is one element, repeated. */
  readonly broadcast?: boolean;
}

const MULTIPLES: Readonly<Record<Width, number>> = { 1: 16, 2: 32, 4: 64 };

export class Assembler {
  /** Whether vector instructions have the EVEX form, which reaches 32 registers and 512 bits. */
  readonly evex: boolean;
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  readonly #jumps: { at: number; target: Label }[] = [];
  readonly #pool = new Map<string, { words: readonly number[]; uses: number[] }>();

  constructor(evex: boolean) {
    this.evex = evex;
  }

  get length(): number {
    return this.#length;
  }

  // --- Bytes

  #u8(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }
  #i32(value: number): void {
    for (let shift = 0; shift < 32; shift += 8) this.#u8((value >> shift) & 0xff);
  }
  #patch(at: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes[at + i] = (value >> (8 * i)) & 0xff;
  }

  /** ModRM, SIB and displacement. `unit` is what an 8-bit displacement counts. */
  #modRM(reg: number, rm: Operand, unit = 1, immediateBytes = 0): void {
    const field = (reg & 7) << 3;
    if (typeof rm === "number") {
      this.#u8(0xc0 | field | (rm & 7));
      return;
    }
    if (rm.kind === "pool") {
      this.#u8(field | 5); // relative to the next instruction
      const key = rm.words.join();
      const entry = this.#pool.get(key) ?? { words: rm.words, uses: [] };
      this.#pool.set(key, entry);
      entry.uses.push(this.#length);
      this.#i32(-4 - immediateBytes);
      return;
    }
    const { base, index, scale = 1, disp } = rm;
    const small = disp / unit;
    const isSmall = Number.isInteger(small) && small >= -128 && small <= 127;
    const mode = disp === 0 && (base & 7) !== 5 ? 0 : isSmall ? 0x40 : 0x80;
    if (index === undefined && (base & 7) !== 4) {
      this.#u8(mode | field | (base & 7));
    } else {
      this.#u8(mode | field | 4);
      const scaled = { 1: 0, 2: 0x40, 4: 0x80, 8: 0xc0 }[scale];
      this.#u8(scaled | ((index === undefined ? RSP : index & 7) << 3) | (base & 7));
    }
    if (mode === 0x40) this.#u8(small & 0xff);
    else if (mode === 0x80) this.#i32(disp);
  }

  /** An integer instruction with a register and a register or memory. */
  #integer(opcode: readonly number[], reg: number, rm: Operand, { w = 1, immediateBytes = 0 } = {}): void {
    const high = (register: number | undefined) => ((register ?? 0) >> 3) & 1;
    const [b, x] = typeof rm === "number" ? [rm, 0] : rm.kind === "pool" ? [0, 0] : [rm.base, rm.index ?? 0];
    const rex = (w << 3) | (high(reg) << 2) | (high(x) << 1) | high(b);
    if (rex !== 0) this.#u8(0x40 | rex);
    for (const byte of opcode) this.#u8(byte);
    this.#modRM(reg, rm, 1, immediateBytes);
  }

  // --- Integers, all of 64 bits unless the name says otherwise

  move(to: number, from: number): void {
    if (to !== from) this.#integer([0x8b], to, from);
  }
  /** Any integer that a double holds exactly. */
  moveConstant(to: number, value: number): void {
    if (value === 0) {
      this.#integer([0x31], to, to, { w: 0 });
    } else if (value > 0 && value < 2 ** 32) {
      if (to > 7) this.#u8(0x41);
      this.#u8(0xb8 | (to & 7));
      this.#i32(value | 0);
    } else if (value < 0 && value >= -(2 ** 31)) {
      this.#integer([0xc7], 0, to, { immediateBytes: 4 });
      this.#i32(value);
    } else {
      const all = BigInt.asUintN(64, BigInt(value));
      this.#u8(to > 7 ? 0x49 : 0x48);
      this.#u8(0xb8 | (to & 7));
      this.#i32(Number(all & 0xffffffffn) | 0);
      this.#i32(Number(all >> 32n) | 0);
    }
  }
  load64(to: number, from: Memory): void {
    this.#integer([0x8b], to, from);
  }
  /** 32 bits with their sign. */
  loadI32(to: number, from: Operand): void {
    this.#integer([0x63], to, from);
  }
  loadU16(to: number, from: Memory): void {
    this.#integer([0x0f, 0xb7], to, from, { w: 0 });
  }
  store64(to: Memory, from: number): void {
    this.#integer([0x89], from, to);
  }
  store32(to: Memory, from: number): void {
    this.#integer([0x89], from, to, { w: 0 });
  }
  store16(to: Memory, from: number): void {
    this.#u8(0x66);
    this.#integer([0x89], from, to, { w: 0 });
  }
  address(to: number, of: Memory): void {
    this.#integer([0x8d], to, of);
  }
  add(to: number, from: Operand): void {
    this.#integer([0x03], to, from);
  }
  sub(to: number, from: Operand): void {
    this.#integer([0x2b], to, from);
  }
  and(to: number, from: Operand): void {
    this.#integer([0x23], to, from);
  }
  or(to: number, from: Operand): void {
    this.#integer([0x0b], to, from);
  }
  multiply(to: number, from: Operand): void {
    this.#integer([0x0f, 0xaf], to, from);
  }
  negate(register: number): void {
    this.#integer([0xf7], 3, register);
  }
  /** An operation with a 32-bit constant: 0 add, 1 or, 4 and, 5 subtract, 7 compare. */
  withConstant(operation: 0 | 1 | 4 | 5 | 7, register: number, value: number): void {
    const isSmall = value >= -128 && value <= 127;
    this.#integer([isSmall ? 0x83 : 0x81], operation, register);
    if (isSmall) this.#u8(value & 0xff);
    else this.#i32(value);
  }
  multiplyConstant(to: number, from: number, value: number): void {
    const isSmall = value >= -128 && value <= 127;
    this.#integer([isSmall ? 0x6b : 0x69], to, from);
    if (isSmall) this.#u8(value & 0xff);
    else this.#i32(value);
  }
  /** By a constant: 4 left, 5 right with zeros. */
  shift(operation: 4 | 5, register: number, count: number, w = 1): void {
    this.#integer([0xc1], operation, register, { w, immediateBytes: 1 });
    this.#u8(count);
  }
  /** to = from shifted by a register (BMI2): left, or 32 bits right with zeros. */
  shiftBy(direction: "left" | "right", to: number, from: number, count: number): void {
    const w = direction === "left" ? 1 : 0;
    this.#vex({ map: 2, prefix: direction === "left" ? 1 : 3, opcode: 0xf7, w, l: 0 }, to, count, from);
  }
  /** rax, rdx = quotient, remainder of the 32-bit rax by a 32-bit register, unsigned. Needs rdx = 0. */
  divide32(by: number): void {
    this.#integer([0xf7], 6, by, { w: 0 });
  }
  compare(a: number, b: Operand): void {
    this.#integer([0x3b], a, b);
  }
  test(a: number, b: number): void {
    this.#integer([0x85], b, a);
  }
  moveIf(condition: Condition, to: number, from: number): void {
    this.#integer([0x0f, 0x40 | condition], to, from);
  }
  /** to = 1 or 0; uses the low byte of rax. */
  setIf(condition: Condition, to: number): void {
    this.#u8(0x0f);
    this.#u8(0x90 | condition);
    this.#u8(0xc0); // al
    this.#integer([0x0f, 0xb6], to, 0, { w: 0 });
  }

  /** prefetcht0 */
  prefetch(at: Memory): void {
    this.#integer([0x0f, 0x18], 1, at, { w: 0 });
  }

  // --- Atomics on 32 bits

  lockedAdd(at: Memory, register: number): void {
    this.#u8(0xf0);
    this.#integer([0x0f, 0xc1], register, at, { w: 0 });
  }
  exchange(at: Memory, register: number): void {
    this.#integer([0x87], register, at, { w: 0 });
  }
  /** If the value equals eax, stores the register; eax becomes the old value. */
  lockedCompareExchange(at: Memory, register: number): void {
    this.#u8(0xf0);
    this.#integer([0x0f, 0xb1], register, at, { w: 0 });
  }

  // --- Control

  bind(label: Label): void {
    label.at = this.#length;
  }
  jump(target: Label): void {
    if (this.#shortBack(0xeb, target)) return;
    this.#u8(0xe9);
    this.#jumpTo(target);
  }
  jumpIf(condition: Condition, target: Label): void {
    if (this.#shortBack(0x70 | condition, target)) return;
    this.#u8(0x0f);
    this.#u8(0x80 | condition);
    this.#jumpTo(target);
  }
  call(target: Label): void {
    this.#u8(0xe8);
    this.#jumpTo(target);
  }
  callRegister(register: number): void {
    this.#integer([0xff], 2, register, { w: 0 });
  }
  /** The address of a place in the code. */
  addressOfLabel(to: number, target: Label): void {
    this.#u8(0x48 | ((to >> 3) << 2));
    this.#u8(0x8d);
    this.#u8(((to & 7) << 3) | 5);
    this.#jumpTo(target);
  }
  return(): void {
    this.#u8(0xc3);
  }
  push(register: number): void {
    if (register > 7) this.#u8(0x41);
    this.#u8(0x50 | (register & 7));
  }
  pop(register: number): void {
    if (register > 7) this.#u8(0x41);
    this.#u8(0x58 | (register & 7));
  }
  systemCall(): void {
    this.#u8(0x0f);
    this.#u8(0x05);
  }
  processorInformation(): void {
    this.#u8(0x0f);
    this.#u8(0xa2);
  }
  /** xgetbv: rdx, rax = the extended control register rcx. */
  extendedControl(): void {
    this.#u8(0x0f);
    this.#u8(0x01);
    this.#u8(0xd0);
  }
  /** Clears the upper halves of registers, which older code would otherwise keep at a cost. */
  zeroUpper(): void {
    this.#u8(0xc5);
    this.#u8(0xf8);
    this.#u8(0x77);
  }
  /** Fills with one-byte instructions that do nothing. */
  align(bytes: number): void {
    while (this.#length % bytes !== 0) this.#u8(0x90);
  }
  /** 64-bit words as data: the distance of each label from `from`. */
  offsets(from: Label, labels: readonly Label[]): void {
    for (const { at } of labels) {
      if (at === undefined || from.at === undefined)
        throw new Error("an offset to a label that is not bound");
      this.#i32(at - from.at);
      this.#i32(at < from.at ? -1 : 0);
    }
  }

  #shortBack(opcode: number, target: Label): boolean {
    if (target.at === undefined) return false;
    const distance = target.at - (this.#length + 2);
    if (distance < -128) return false;
    this.#u8(opcode);
    this.#u8(distance & 0xff);
    return true;
  }
  #jumpTo(target: Label): void {
    this.#jumps.push({ at: this.#length, target });
    this.#i32(0);
  }

  // --- Vectors

  /**
   * An instruction on vectors in the form of this assembler. `reg` is mostly the result, `second` the first operand of
   * two (0 where there is one), `rm` the last.
   */
  vector(
    op: VectorOpcode,
    width: Width,
    reg: number,
    second: number,
    rm: Operand,
    form: VectorForm = {},
  ): void {
    if (this.evex) this.#evex(op, width, reg, second, rm, form);
    else this.#vexVector(op, width, reg, second, rm, form);
    if (form.imm !== undefined) this.#u8(form.imm & 0xff);
  }

  #vexVector(
    { map, prefix, opcode, w }: VectorOpcode,
    width: Width,
    reg: number,
    second: number,
    rm: Operand,
    { imm }: VectorForm,
  ): void {
    this.#vex(
      { map, prefix, opcode, w, l: width === 1 ? 0 : 1, immediateBytes: imm === undefined ? 0 : 1 },
      reg,
      second,
      rm,
    );
  }

  #vex(
    op: { map: number; prefix: number; opcode: number; w: number; l: number; immediateBytes?: number },
    reg: number,
    second: number,
    rm: Operand,
  ): void {
    const [b, x] = typeof rm === "number" ? [rm, 0] : rm.kind === "pool" ? [0, 0] : [rm.base, rm.index ?? 0];
    const r = (~reg >> 3) & 1;
    const last = ((~second & 15) << 3) | (op.l << 2) | op.prefix;
    if (x < 8 && b < 8 && op.map === 1 && op.w === 0) {
      this.#u8(0xc5);
      this.#u8((r << 7) | last);
    } else {
      this.#u8(0xc4);
      this.#u8((r << 7) | (((~x >> 3) & 1) << 6) | (((~b >> 3) & 1) << 5) | op.map);
      this.#u8((op.w << 7) | last);
    }
    this.#u8(op.opcode);
    this.#modRM(reg, rm, 1, op.immediateBytes ?? 0);
  }

  #evex(
    { map, prefix, opcode, evexW, memory }: VectorOpcode,
    width: Width,
    reg: number,
    second: number,
    rm: Operand,
    { imm, mask = 0, broadcast = false }: VectorForm,
  ): void {
    const isRegister = typeof rm === "number";
    const [b, x] = isRegister ? [rm, rm >> 1] : rm.kind === "pool" ? [0, 0] : [rm.base, rm.index ?? 0];
    const bit = (value: number, at: number) => (~(value >> at) & 1) >>> 0;
    this.#u8(0x62);
    this.#u8((bit(reg, 3) << 7) | (bit(x, 3) << 6) | (bit(b, 3) << 5) | (bit(reg, 4) << 4) | map);
    this.#u8((evexW << 7) | ((~second & 15) << 3) | 4 | prefix);
    const length = { 1: 0, 2: 1, 4: 2 }[width];
    this.#u8((length << 5) | (Number(broadcast) << 4) | (bit(second, 4) << 3) | mask);
    this.#u8(opcode);
    const full = MULTIPLES[width];
    const unit = broadcast ? 4 : memory === "full" ? full : memory === "half" ? full / 2 : memory;
    this.#modRM(reg, rm, unit, imm === undefined ? 0 : 1);
  }

  /** A mask register from the low bits of an integer register. */
  maskFromInt(mask: number, from: number): void {
    this.#vex({ map: 1, prefix: 0, opcode: 0x92, w: 0, l: 0 }, mask, 0, from); // kmovw
  }

  // --- End

  /** The code with its constants behind it. Throws where a label was never bound. */
  finish(): Uint8Array {
    for (const { at, target } of this.#jumps) {
      if (target.at === undefined) throw new Error("a jump to a label that is not bound");
      this.#patch(at, target.at - (at + 4));
    }
    for (const { words, uses } of [...this.#pool.values()].sort((a, b) => b.words.length - a.words.length)) {
      this.align(4 * words.length);
      const start = this.#length;
      for (const word of words) this.#i32(word | 0);
      for (const use of uses) {
        // The field holds minus the distance to the end of its instruction.
        const tail = new DataView(this.#bytes.buffer).getInt32(use, true);
        this.#patch(use, start - use + tail);
      }
    }
    return this.#bytes.slice(0, this.#length);
  }
}
