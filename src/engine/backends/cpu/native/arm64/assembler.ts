// Writes arm64 instructions: of 64-bit integers, and of NEON vectors of 128 bits.
// Source: Arm Architecture Reference Manual for A-profile, chapters C6 and C7; only what every processor of ARMv8.0 has.

import type { Label } from "../label.ts";
import { isSumImmediate, vectorImmediate } from "./immediates.ts";
import { ATOMIC, type Atomic, isOffset, MEMORY, type MemoryOperation } from "./memory_opcodes.ts";
import { type Memory, X17, ZERO } from "./registers.ts";
import {
  BINARY,
  type Binary,
  BY_ELEMENT,
  type ByElement,
  LANE,
  type Lane,
  SHIFT,
  type Shift,
  UNARY,
  type Unary,
} from "./vector_opcodes.ts";
import { Words } from "./words.ts";

/** The condition codes of branches and choices. */
export const CONDITION = {
  equal: 0x0,
  notEqual: 0x1,
  aboveEqual: 0x2,
  below: 0x3,
  greaterEqual: 0xa,
  less: 0xb,
  greater: 0xc,
  lessEqual: 0xd,
} as const;
export type Condition = (typeof CONDITION)[keyof typeof CONDITION];
/** The opposite condition. */
export const negate = (condition: Condition): Condition => (condition ^ 1) as Condition;

/** Operations on two registers: to = p op q. */
const INTEGER = {
  and: 0x8a000000,
  or: 0xaa000000,
  multiply: 0x9b007c00,
  /** Of 32 bits, unsigned. */
  divide32: 0x1ac00800,
  shiftLeft: 0x9ac02000,
  /** Of 32 bits, with zeros. */
  shiftRight32: 0x1ac02400,
} as const;
export type IntegerOperation = keyof typeof INTEGER;

const three = (word: number, to: number, p: number, q: number): number => word | (q << 16) | (p << 5) | to;

export class Assembler extends Words {
  // --- Integers, all of 64 bits unless the name says otherwise

  move(to: number, from: number): void {
    if (to !== from) this.word(three(INTEGER.or, to, ZERO, from));
  }
  /** Any integer that a double holds exactly. */
  moveConstant(to: number, value: number): void {
    const all = BigInt.asUintN(64, BigInt(value));
    const parts = [0n, 16n, 32n, 48n].map((shift) => Number((all >> shift) & 0xffffn));
    const ones = parts.filter((part) => part === 0xffff).length;
    const plain = ones > parts.filter((part) => part === 0).length ? 0xffff : 0;
    const others = parts.flatMap((part, place) => (part === plain ? [] : [{ part, place }]));
    const [first = { part: plain, place: 0 }, ...rest] = others;
    const field = ({ part, place }: { part: number; place: number }) => (place << 21) | (part << 5) | to;
    const { part, place } = first;
    if (plain === 0) this.word(0xd2800000 | field(first));
    else this.word(0x92800000 | field({ part: ~part & 0xffff, place }));
    for (const each of rest) this.word(0xf2800000 | field(each));
  }
  integer(operation: IntegerOperation, to: number, p: number, q: number): void {
    this.word(three(INTEGER[operation], to, p, q));
  }
  /** to = p + (q << shift) */
  add(to: number, p: number, q: number, shift = 0): void {
    this.word(three(0x8b000000, to, p, q) | (shift << 10));
  }
  subtract(to: number, p: number, q: number): void {
    this.word(three(0xcb000000, to, p, q));
  }
  /** to = from + value, a number that `isSumImmediate`; both may be the stack pointer. */
  addConstant(to: number, from: number, value: number): void {
    this.#sum(value < 0 ? 0xd1000000 : 0x91000000, to, from, Math.abs(value));
  }
  /** to = c - p q */
  multiplySubtract(to: number, p: number, q: number, c: number): void {
    this.word(three(0x9b008000, to, p, q) | (c << 10));
  }
  shiftLeftBy(to: number, from: number, count: number): void {
    this.word(0xd3400000 | (((64 - count) & 63) << 16) | ((63 - count) << 10) | (from << 5) | to);
  }
  shiftRightBy(to: number, from: number, count: number): void {
    this.word(0xd340fc00 | (count << 16) | (from << 5) | to);
  }
  /** Of the lower 32 bits, with zeros. */
  shiftRight32By(to: number, from: number, count: number): void {
    this.word(0x53007c00 | (count << 16) | (from << 5) | to);
  }
  /** The lower `count` bits, 1 to 63. */
  keepLow(to: number, from: number, count: number): void {
    this.word(0xd3400000 | ((count - 1) << 10) | (from << 5) | to);
  }
  /** The lower 32 bits with their sign. */
  extend32(to: number, from: number): void {
    this.word(0x93407c00 | (from << 5) | to);
  }
  compare(p: number, q: number): void {
    this.word(three(0xeb000000, ZERO, p, q));
  }
  /** With a number that `isSumImmediate`. */
  compareConstant(p: number, value: number): void {
    this.#sum(value < 0 ? 0xb1000000 : 0xf1000000, ZERO, p, Math.abs(value));
  }
  /** to = condition ? p : q */
  choose(condition: Condition, to: number, p: number, q: number): void {
    this.word(three(0x9a800000, to, p, q) | (condition << 12));
  }
  /** to = 1 or 0 */
  setIf(condition: Condition, to: number): void {
    this.word(0x9a9f07e0 | (negate(condition) << 12) | to);
  }
  #sum(word: number, to: number, from: number, value: number): void {
    if (!isSumImmediate(value)) throw new RangeError(`a sum with ${value}, which does not fit`);
    const field = value < 4096 ? value << 10 : (1 << 22) | ((value / 4096) << 10);
    this.word(word | field | (from << 5) | to);
  }

  // --- Memory

  /** A load or store at a place that its instruction can reach (see `isOffset`). */
  memory(operation: MemoryOperation, register: number, place: Memory): void {
    const { word, bytes } = MEMORY[operation];
    const base = word | (place.base << 5) | register;
    if ("index" in place) {
      if (place.shift !== 0 && 1 << place.shift !== bytes)
        throw new RangeError(`${operation}: an index shifted by ${place.shift}`);
      this.word(base | 0x206800 | (place.index << 16) | (place.shift === 0 ? 0 : 1 << 12));
      return;
    }
    const { disp } = place;
    if (!isOffset(disp, bytes)) throw new RangeError(`${operation}: ${disp} bytes from its base`);
    if (disp >= 0 && disp % bytes === 0) this.word(base | (1 << 24) | ((disp / bytes) << 10));
    else this.word(base | ((disp & 0x1ff) << 12));
  }
  /** One, two or four words of the code into the lower lanes of a vector register; the others become zero. */
  constant(to: number, words: readonly number[]): void {
    this.loadConstant(
      words.length === 1 ? 0x1c000000 | to : words.length === 2 ? 0x5c000000 | to : 0x9c000000 | to,
      words,
    );
  }
  atomic(operation: Atomic, register: number, base: number): void {
    this.word(ATOMIC[operation] | (base << 5) | register);
  }
  /** Ends an exclusive access; `failed` becomes 1 where another thread came in between, otherwise 0. */
  storeExclusive(failed: number, register: number, base: number): void {
    this.word(three(0x8800fc00, register, base, failed));
  }

  // --- Control

  jump(target: Label): void {
    this.farBranch(0x14000000, target);
  }
  jumpIf(condition: Condition, target: Label): void {
    this.nearBranch(0x54000000 | condition, 0x54000000 | negate(condition), target);
  }
  jumpIfZero(register: number, target: Label): void {
    this.nearBranch(0xb4000000 | register, 0xb5000000 | register, target);
  }
  jumpUnlessZero(register: number, target: Label): void {
    this.nearBranch(0xb5000000 | register, 0xb4000000 | register, target);
  }
  call(target: Label): void {
    this.farBranch(0x94000000, target);
  }
  callRegister(register: number): void {
    this.word(0xd63f0000 | (register << 5));
  }
  /** The address of a place in the code. Uses x17. */
  addressOfLabel(to: number, target: Label): void {
    this.distance(0x10000000 | to, 0xd2800000 | X17, 0xf2a00000 | X17, target);
    this.word(three(0x8b20c000, to, to, X17)); // of 32 bits, with their sign
  }
  return(): void {
    this.word(0xd65f03c0);
  }
  systemCall(): void {
    this.word(0xd4000001);
  }

  // --- Vectors

  binary(operation: Binary, to: number, p: number, q: number): void {
    this.word(three(BINARY[operation], to, p, q));
  }
  unary(operation: Unary, to: number, from: number): void {
    this.word(UNARY[operation] | (from << 5) | to);
  }
  moveVector(to: number, from: number): void {
    if (to !== from) this.binary("orr", to, from, from);
  }
  /** With lane `index` of q as the second operand. */
  byElement(operation: ByElement, to: number, p: number, q: number, index: number): void {
    this.word(three(BY_ELEMENT[operation], to, p, q) | ((index & 1) << 21) | ((index >> 1) << 11));
  }
  lane(operation: Lane, to: number, from: number, index: number): void {
    const { word, size } = LANE[operation];
    this.word(word | ((2 * index + 1) << (size === 8 ? 19 : 18)) | (from << 5) | to);
  }
  /** From an integer register to every lane. */
  splatInteger(to: number, from: number): void {
    this.word(0x4e040c00 | (from << 5) | to);
  }
  /** One lane of `from` to one lane of `to`, whose others stay. */
  insert(to: number, index: number, from: number, lane: number): void {
    this.word(0x6e000400 | ((2 * index + 1) << 18) | (lane << 13) | (from << 5) | to);
  }
  /** The upper lanes of p from lane `first` on, then lanes of q. */
  extract(to: number, p: number, q: number, first: number): void {
    this.word(three(0x6e000000, to, p, q) | (first << 13));
  }
  shift(operation: Shift, to: number, from: number, count: number): void {
    const field = operation === "left" ? 32 + count : 64 - count;
    this.word(SHIFT[operation] | (field << 16) | (from << 5) | to);
  }
  /** The same word in every lane; tells whether one instruction can write it, and otherwise writes none. */
  splatConstant(to: number, word: number): boolean {
    const immediate = vectorImmediate(word);
    if (immediate !== undefined) this.word(0x4f000400 | immediate | to);
    return immediate !== undefined;
  }
  /** Of the lower 64 bits: to = condition ? p : q. */
  chooseScalar(condition: Condition, to: number, p: number, q: number): void {
    this.word(three(0x1e600c00, to, p, q) | (condition << 12));
  }
  /** f64 from an integer. */
  convertInteger(to: number, from: number): void {
    this.word(0x9e620000 | (from << 5) | to);
  }
}
