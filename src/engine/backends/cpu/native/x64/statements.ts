// Instructions for the statements of a function.

import type { Expr, Var } from "../../simd/expr.ts";
import type { Statement } from "../../simd/statement.ts";
import type { Register } from "../code.ts";
import { CONDITION, newLabel, type Width } from "./assembler.ts";
import { atomic } from "./atomics.ts";
import { call, callIndirect, leave } from "./calls.ts";
import { type Context, type Form, introduce, isVector, placed, registerOf, registersOf } from "./context.ts";
import { addressOf, integer, integerInto, isImmediate, jumpIf } from "./integers.ts";
import { newVector, vector } from "./operands.ts";
import { EVEX_ONLY, VECTOR } from "./vector_opcodes.ts";

export function statements(c: Context, block: readonly Statement[], group: Width): void {
  for (const each of block) statement(c, each, group);
}

function assign(c: Context, variable: Var, value: Expr, to: Register, group: Width): void {
  if (!isVector(variable.type)) {
    integerInto(c, value, to);
    return;
  }
  const width = c.widths.get(variable) ?? 1;
  c.vectorInto(value, { width, group: variable.type === "v128" ? group : 1 }, to);
}

function statement(c: Context, each: Statement, group: Width): void {
  const { code } = c;
  switch (each.kind) {
    case "let":
      assign(c, each.variable, each.value, introduce(c, each.variable), group);
      return;
    case "set":
      assign(c, each.variable, each.value, registerOf(c, each.variable), group);
      return;
    case "store":
      store(c, each, group);
      return;
    case "vectors":
      statements(c, each.body, each.count);
      return;
    case "for":
      forLoop(c, each, group);
      return;
    case "while": {
      const [body, test] = [newLabel(), newLabel()];
      code.add([], [], (a) => a.jump(test));
      code.loop(() => {
        code.add([], [], (a) => a.bind(body));
        statements(c, each.body, group);
        code.add([], [], (a) => a.bind(test));
        jumpIf(c, each.condition, true, body);
      });
      return;
    }
    case "if": {
      const [no, done] = [newLabel(), newLabel()];
      jumpIf(c, each.condition, false, no);
      statements(c, each.yes, group);
      if (each.no.length > 0) {
        code.add([], [], (a) => a.jump(done));
        code.add([], [], (a) => a.bind(no));
        statements(c, each.no, group);
        code.add([], [], (a) => a.bind(done));
      } else code.add([], [], (a) => a.bind(no));
      return;
    }
    case "call":
      call(c, each);
      return;
    case "callIndirect":
      callIndirect(c, each);
      return;
    case "atomic":
      atomic(c, each);
      return;
    case "prefetch": {
      const at = addressOf(c, each.address, each.offset);
      code.add([], registersOf(at), (a, r) => a.prefetch(placed(at, r)));
      return;
    }
    case "return":
      leave(c, each.value);
      return;
    default:
      each satisfies never;
  }
}

function forLoop(c: Context, each: Extract<Statement, { kind: "for" }>, group: Width): void {
  const { code } = c;
  const i = integerInto(c, each.start, introduce(c, each.variable));
  const end = isImmediate(each.end) ? undefined : integerInto(c, each.end, code.int());
  const step = isImmediate(each.step) ? undefined : integerInto(c, each.step, code.int());
  const [body, done] = [newLabel(), newLabel()];
  const limit = isImmediate(each.end) ? each.end.value : 0;
  const by = isImmediate(each.step) ? each.step.value : 0;
  const test = (
    target: ReturnType<typeof newLabel>,
    condition: typeof CONDITION.less | typeof CONDITION.greaterEqual,
  ) =>
    code.add([], end === undefined ? [i] : [i, end], (a, at) => {
      if (end === undefined) a.withConstant(7, at(i), limit);
      else a.compare(at(i), at(end));
      a.jumpIf(condition, target);
    });
  if (!each.atLeastOnce) test(done, CONDITION.greaterEqual);
  code.loop(() => {
    code.add([], [], (a) => a.bind(body));
    statements(c, each.body, group);
    code.add([i], step === undefined ? [i] : [i, step], (a, at) => {
      if (step === undefined) a.withConstant(0, at(i), by);
      else a.add(at(i), at(step));
    });
    test(body, CONDITION.less);
  });
  code.add([], [], (a) => a.bind(done));
}

function store(c: Context, each: Extract<Statement, { kind: "store" }>, group: Width): void {
  const { code } = c;
  const { op, value, offset } = each;
  const form: Form = { width: group, group };
  const narrow: Form = { width: 1, group: 1 };
  const put = (
    from: Register,
    emit: (a: import("./assembler.ts").Assembler, to: ReturnType<typeof placed>, from: number) => void,
  ): void => {
    const to = addressOf(c, each.address, offset);
    code.add([], [...registersOf(to), from], (a, at) => emit(a, placed(to, at), at(from)));
  };
  switch (op) {
    case "i32.store":
    case "i32.store16":
      put(integer(c, value), (a, to, from) =>
        to.kind === "pool" ? undefined : op === "i32.store" ? a.store32(to, from) : a.store16(to, from),
      );
      return;
    case "i32.atomic.store":
      // An exchange, unlike a move, is ordered before later reads.
      put(integerInto(c, value, code.int()), (a, to, from) => a.exchange(to, from));
      return;
    case "f32.store":
    case "v128.store32_lane0":
      put(vector(c, value, narrow), (a, to, from) => a.vector(VECTOR.vmovssStore, 1, from, 0, to));
      return;
    case "f64.store":
    case "v128.store64_lane0":
      put(vector(c, value, narrow), (a, to, from) => a.vector(VECTOR.vmovsdStore, 1, from, 0, to));
      return;
    case "v128.store":
      put(vector(c, value, form), (a, to, from) => a.vector(VECTOR.vmovupsStore, group, from, 0, to));
      return;
    case "v128.store16x4": {
      const from = vector(c, value, form);
      if (c.evex) {
        put(from, (a, to, at) => a.vector(EVEX_ONLY.vpmovdw, group, at, 0, to));
        return;
      }
      const packed = newVector(c, group);
      code.add([packed], [from], (a, at) => {
        a.vector(VECTOR.vpackusdw, group, at(packed), at(from), at(from));
        if (group === 2) a.vector(VECTOR.vpermq, 2, at(packed), 0, at(packed), { imm: 0x08 });
      });
      put(packed, (a, to, at) =>
        group === 1
          ? a.vector(VECTOR.vmovsdStore, 1, at, 0, to)
          : a.vector(VECTOR.vmovupsStore, 1, at, 0, to),
      );
      return;
    }
    default:
      op satisfies never;
  }
}
