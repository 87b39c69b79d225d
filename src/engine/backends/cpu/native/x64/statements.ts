// Instructions for the statements of a function.

import type { Expr, Var } from "../../simd/expr.ts";
import type { Statement } from "../../simd/statement.ts";
import type { Register } from "../code.ts";
import { CONDITION, type Condition, type Label, newLabel, type Width } from "./assembler.ts";
import { atomic } from "./atomics.ts";
import { call, callIndirect, leave } from "./calls.ts";
import { type Context, introduce, isVector, placed, registerOf, registersOf } from "./context.ts";
import { addressOf, integerInto, isImmediate, jumpIf } from "./integers.ts";
import { store } from "./stores.ts";

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
  const test = (target: Label, condition: Condition): void =>
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
