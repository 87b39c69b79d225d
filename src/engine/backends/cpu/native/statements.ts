// Instructions for the statements of a function: its control, with what each machine does in its own way.

import type { VectorCount } from "../simd/builder.ts";
import { type Expr, type Operation, type OperationExpr, operation, type Var } from "../simd/expr.ts";
import type { Statement } from "../simd/statement.ts";
import type { Register } from "./code.ts";
import type { Context } from "./context.ts";
import { type Label, newLabel } from "./label.ts";

type Kind<K extends Statement["kind"]> = Extract<Statement, { kind: K }>;

export interface Branching {
  bind(label: Label): void;
  jump(target: Label): void;
}

/** How a machine does what statements consist of. */
export interface Selector<A extends Branching, C extends Context<A>> {
  /** A register for a variable that begins to live. */
  readonly introduce: (c: C, variable: Var) => Register;
  /** Computes the value of a variable into its register, in a block of so many vectors. */
  readonly assign: (c: C, variable: Var, value: Expr, to: Register, group: VectorCount) => void;
  readonly integerInto: (c: C, e: Expr, to: Register) => Register;
  /** Whether sums and comparisons can hold the number itself. */
  readonly isImmediate: (e: Expr) => boolean;
  /** Jumps to `target` if the truth of the expression, of one condition, is `wanted`, and goes on otherwise. */
  readonly branch: (c: C, e: Expr, wanted: boolean, target: Label) => void;
  /** Records a loop, whose beginning has not been written yet. */
  readonly inLoop: (c: C, body: readonly Statement[], record: () => void) => void;
  /** The statements of a block of several vectors, and how many of them these speak of. */
  readonly group: (
    c: C,
    each: Kind<"vectors">,
  ) => { readonly block: readonly Statement[]; readonly count: VectorCount };
  readonly store: (c: C, each: Kind<"store">, group: VectorCount) => void;
  readonly prefetch: (c: C, each: Kind<"prefetch">) => void;
  readonly atomic: (c: C, each: Kind<"atomic">) => void;
  readonly call: (c: C, each: Kind<"call">) => void;
  readonly callIndirect: (c: C, each: Kind<"callIndirect">) => void;
  /** Puts the result where the caller expects it, and leaves. */
  readonly leave: (c: C, value: Expr | undefined) => void;
}

export function statements<A extends Branching, C extends Context<A>>(
  s: Selector<A, C>,
  c: C,
  block: readonly Statement[],
  group: VectorCount,
): void {
  for (const each of block) statement(s, c, each, group);
}

function statement<A extends Branching, C extends Context<A>>(
  s: Selector<A, C>,
  c: C,
  each: Statement,
  group: VectorCount,
): void {
  const { code } = c;
  const bind = (label: Label) => code.add([], [], (a) => a.bind(label));
  const jump = (label: Label) => code.add([], [], (a) => a.jump(label));
  switch (each.kind) {
    case "let":
      s.assign(c, each.variable, each.value, s.introduce(c, each.variable), group);
      return;
    case "set": {
      const to = c.variables.get(each.variable);
      if (to === undefined) throw new Error("a variable is set outside the block it was made in");
      s.assign(c, each.variable, each.value, to, group);
      return;
    }
    case "store":
      s.store(c, each, group);
      return;
    case "vectors": {
      const { block, count } = s.group(c, each);
      statements(s, c, block, count);
      return;
    }
    case "for":
      forLoop(s, c, each, group);
      return;
    case "while": {
      const [body, test] = [newLabel(), newLabel()];
      s.inLoop(c, each.body, () => {
        jump(test);
        code.loop(() => {
          bind(body);
          statements(s, c, each.body, group);
          bind(test);
          jumpIf(s, c, each.condition, true, body);
        });
      });
      return;
    }
    case "if": {
      const [no, done] = [newLabel(), newLabel()];
      jumpIf(s, c, each.condition, false, no);
      statements(s, c, each.yes, group);
      if (each.no.length > 0) {
        jump(done);
        bind(no);
        statements(s, c, each.no, group);
        bind(done);
      } else bind(no);
      return;
    }
    case "call":
      s.call(c, each);
      return;
    case "callIndirect":
      s.callIndirect(c, each);
      return;
    case "atomic":
      s.atomic(c, each);
      return;
    case "prefetch":
      s.prefetch(c, each);
      return;
    case "return":
      s.leave(c, each.value);
      return;
    default:
      each satisfies never;
  }
}

function forLoop<A extends Branching, C extends Context<A>>(
  s: Selector<A, C>,
  c: C,
  each: Kind<"for">,
  group: VectorCount,
): void {
  const { code } = c;
  const { variable } = each;
  const i = s.integerInto(c, each.start, s.introduce(c, variable));
  /** What is not part of an instruction is computed once. */
  const named = (e: Expr): Expr => {
    if (s.isImmediate(e)) return e;
    const name: Var = { kind: "var", type: "i32" };
    s.integerInto(c, e, s.introduce(c, name));
    return name;
  };
  const [end, step] = [named(each.end), named(each.step)];
  const [body, done] = [newLabel(), newLabel()];
  const goesOn = operation("i32.lt_s", variable, end);
  if (!each.atLeastOnce) s.branch(c, goesOn, false, done);
  s.inLoop(c, each.body, () =>
    code.loop(() => {
      code.add([], [], (a) => a.bind(body));
      statements(s, c, each.body, group);
      s.integerInto(c, operation("i32.add", variable, step), i);
      s.branch(c, goesOn, true, body);
    }),
  );
  code.add([], [], (a) => a.bind(done));
}

const COMPARISONS: ReadonlySet<Operation> = new Set([
  ...(["i32.eq", "i32.ne", "i32.lt_s", "i32.lt_u", "i32.gt_s", "i32.eqz"] as const),
]);
const isJoined = (e: OperationExpr): boolean => e.op === "i32.and" || e.op === "i32.or";
/** A number that is 0 or 1. */
const isTruth = (e: Expr): boolean => e.kind === "op" && (COMPARISONS.has(e.op) || isJoined(e));

/** Jumps to `target` if the truth of the expression is `wanted`, and goes on otherwise. */
function jumpIf<A extends Branching, C extends Context<A>>(
  s: Selector<A, C>,
  c: C,
  e: Expr,
  wanted: boolean,
  target: Label,
): void {
  if (e.kind !== "op" || !isJoined(e) || !e.args.every(isTruth)) {
    s.branch(c, e, wanted, target);
    return;
  }
  const [x, y] = e.args;
  const decides = e.op === "i32.or"; // the truth of one side that decides both
  if (wanted === decides) {
    jumpIf(s, c, x, wanted, target);
    jumpIf(s, c, y, wanted, target);
  } else {
    const past = newLabel();
    jumpIf(s, c, x, decides, past);
    jumpIf(s, c, y, wanted, target);
    c.code.add([], [], (a) => a.bind(past));
  }
}
