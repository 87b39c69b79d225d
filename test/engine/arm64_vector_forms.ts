// Forms of arm64's instructions on vectors, as objdump prints them.

import type {
  Binary,
  ByElement,
  Lane,
  Shift,
  Unary,
} from "../../src/engine/backends/cpu/native/arm64/vector_opcodes.ts";
import { type Form, form, hex, PAIRS, TRIPLES } from "./arm64_forms.ts";
import { CONDITIONS, x } from "./arm64_integer_forms.ts";

const FLOATS = ["4s", "4s", "4s"] as const;
const BYTES = ["16b", "16b", "16b"] as const;
const WORDS = FLOATS;

/** The name of each instruction and the shapes of its result and operands. */
const BINARIES: Readonly<Record<Binary, readonly [string, readonly [string, string, string]]>> = {
  fadd: ["fadd", FLOATS],
  fsub: ["fsub", FLOATS],
  fmul: ["fmul", FLOATS],
  fdiv: ["fdiv", FLOATS],
  fmax: ["fmax", FLOATS],
  fmin: ["fmin", FLOATS],
  fmla: ["fmla", FLOATS],
  fmls: ["fmls", FLOATS],
  fcmeq: ["fcmeq", FLOATS],
  fcmge: ["fcmge", FLOATS],
  fcmgt: ["fcmgt", FLOATS],
  cmgt: ["cmgt", WORDS],
  add: ["add", WORDS],
  sub: ["sub", WORDS],
  mul: ["mul", WORDS],
  and: ["and", BYTES],
  bic: ["bic", BYTES],
  orr: ["orr", BYTES],
  eor: ["eor", BYTES],
  bsl: ["bsl", BYTES],
  bit: ["bit", BYTES],
  bif: ["bif", BYTES],
  umull: ["umull", ["2d", "2s", "2s"]],
  umull2: ["umull2", ["2d", "4s", "4s"]],
  fmulDouble: ["fmul", ["2d", "2d", "2d"]],
  zip1: ["zip1", WORDS],
  zip2: ["zip2", WORDS],
  uzp1: ["uzp1", WORDS],
  uzp2: ["uzp2", WORDS],
  trn1: ["trn1", WORDS],
  trn2: ["trn2", WORDS],
};
const UNARIES: Readonly<Record<Unary, readonly [string, readonly [string, string]]>> = {
  mvn: ["mvn", ["16b", "16b"]],
  fabs: ["fabs", ["4s", "4s"]],
  fneg: ["fneg", ["4s", "4s"]],
  fsqrt: ["fsqrt", ["4s", "4s"]],
  frintm: ["frintm", ["4s", "4s"]],
  frintp: ["frintp", ["4s", "4s"]],
  frintz: ["frintz", ["4s", "4s"]],
  scvtf: ["scvtf", ["4s", "4s"]],
  fcvtzs: ["fcvtzs", ["4s", "4s"]],
  fcvtl: ["fcvtl", ["2d", "2s"]],
  fcvtn: ["fcvtn", ["2s", "2d"]],
  rev64: ["rev64", ["4s", "4s"]],
  uxtl: ["uxtl", ["4s", "4h"]],
  xtn: ["xtn", ["4h", "4s"]],
};
const SHIFTS: Readonly<Record<Shift, string>> = { left: "shl", rightSigned: "sshr", right: "ushr" };
const ELEMENTS: readonly ByElement[] = ["fmla", "fmls", "fmul"];
const LANES: Readonly<Record<Lane, (to: number, from: number, index: number) => string>> = {
  dupFloat: (to, from, index) => `dup v${to}.4s, v${from}.s[${index}]`,
  dupDouble: (to, from, index) => `dup v${to}.2d, v${from}.d[${index}]`,
  movFloat: (to, from, index) => `mov s${to}, v${from}.s[${index}]`,
  movDouble: (to, from, index) => `mov d${to}, v${from}.d[${index}]`,
  smov: (to, from, index) => `smov ${x(to)}, v${from}.s[${index}]`,
  insertInteger: (to, from, index) => `mov v${to}.s[${index}], ${x(from).replace("x", "w")}`,
};

const keys = <K extends string>(record: Readonly<Record<K, unknown>>): K[] =>
  Object.keys(record).filter((name): name is K => name in record);

export const vectorForms = (): Form[] => [
  ...keys(BINARIES).flatMap((operation) => {
    const [name, [to, p, q]] = BINARIES[operation];
    // Of one register twice, it has the name of a move.
    const triples = TRIPLES.filter(([, j, k]) => operation !== "orr" || j !== k);
    return triples.map(([i, j, k]) =>
      form(`${name} v${i}.${to}, v${j}.${p}, v${k}.${q}`, (a) => a.binary(operation, i, j, k)),
    );
  }),
  ...keys(UNARIES).flatMap((operation) => {
    const [name, [to, p]] = UNARIES[operation];
    return PAIRS.map(([i, j]) => form(`${name} v${i}.${to}, v${j}.${p}`, (a) => a.unary(operation, i, j)));
  }),
  ...PAIRS.map(([to, from]) => form(`mov v${to}.16b, v${from}.16b`, (a) => a.moveVector(to, from))),
  ...ELEMENTS.flatMap((operation) =>
    TRIPLES.flatMap(([to, p, q]) =>
      [0, 1, 2, 3].map((index) =>
        form(`${operation} v${to}.4s, v${p}.4s, v${q}.s[${index}]`, (a) =>
          a.byElement(operation, to, p, q, index),
        ),
      ),
    ),
  ),
  ...lanes(),
  ...keys(SHIFTS).flatMap((operation) =>
    PAIRS.flatMap(([to, from]) =>
      [1, 16, 31].map((count) =>
        form(`${SHIFTS[operation]} v${to}.4s, v${from}.4s, #${count}`, (a) =>
          a.shift(operation, to, from, count),
        ),
      ),
    ),
  ),
  ...constants(),
  ...scalars(),
];

const lanes = (): Form[] => [
  ...keys(LANES).flatMap((operation) =>
    PAIRS.flatMap(([to, from]) =>
      (/Double/.test(operation) ? [0, 1] : [0, 1, 2, 3]).map((index) =>
        form(LANES[operation](to, from, index), (a) => a.lane(operation, to, from, index)),
      ),
    ),
  ),
  ...PAIRS.map(([to, from]) =>
    form(`dup v${to}.4s, ${x(from).replace("x", "w")}`, (a) => a.splatInteger(to, from)),
  ),
  ...PAIRS.flatMap(([to, from]) =>
    [0, 1, 2, 3].flatMap((index) =>
      [0, 1, 2, 3].map((lane) =>
        form(`mov v${to}.s[${index}], v${from}.s[${lane}]`, (a) => a.insert(to, index, from, lane)),
      ),
    ),
  ),
  ...TRIPLES.flatMap(([to, p, q]) =>
    [1, 2, 3].map((first) =>
      form(`ext v${to}.16b, v${p}.16b, v${q}.16b, #${4 * first}`, (a) => a.extract(to, p, q, first)),
    ),
  ),
];

/** Words that one instruction writes to every lane: bytes at each place, the same negated, floats. */
const CONSTANTS: readonly (readonly [number, string])[] = [
  [0, "movi V, #0x0"],
  [1, "movi V, #0x1"],
  [0xff, "movi V, #0xff"],
  [0xab00, "movi V, #0xab, lsl #8"],
  [0x550000, "movi V, #0x55, lsl #16"],
  [0x80000000, "movi V, #0x80, lsl #24"],
  [0xffffffff, "mvni V, #0x0"],
  [0x7fffffff, "mvni V, #0x80, lsl #24"],
  [0xffff54ff, "mvni V, #0xab, lsl #8"],
  [0xffffff00, "mvni V, #0xff"],
  [0x3f800000, "fmov V, #1.000000000000000000e+00"],
  [0xbf800000, "fmov V, #-1.000000000000000000e+00"],
  [0x40480000, "fmov V, #3.125000000000000000e+00"],
  [0x3e000000, "movi V, #0x3e, lsl #24"],
  [0x3e080000, "fmov V, #1.328125000000000000e-01"],
  [0x41f80000, "fmov V, #3.100000000000000000e+01"],
  [0xc1a80000, "fmov V, #-2.100000000000000000e+01"],
];
const constants = (): Form[] =>
  [0, 10, 21, 31].flatMap((to) =>
    CONSTANTS.map(([word, text]) =>
      form(text.replace("V", `v${to}.4s`), (a) => {
        if (!a.splatConstant(to, word)) throw new Error(`${hex(word)} does not fit`);
      }),
    ),
  );

const scalars = (): Form[] => [
  ...CONDITIONS.flatMap(([condition, name]) =>
    TRIPLES.map(([to, p, q]) =>
      form(`fcsel d${to}, d${p}, d${q}, ${name}`, (a) => a.chooseScalar(condition, to, p, q)),
    ),
  ),
  ...PAIRS.map(([to, from]) => form(`scvtf d${to}, ${x(from)}`, (a) => a.convertInteger(to, from))),
];
