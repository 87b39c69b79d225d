// Doubles the vectors of a block of statements: each vector variable becomes two, and each vector load or store covers
// two adjacent vectors. The halves are recorded side by side, so that an engine whose registers hold both can fuse
// each pair into one instruction (V8 does on AVX2, see wide_vectors.ts); elsewhere the halves are just two vectors.
//
// What is equal in both halves (addresses, conditions, constants, a scalar in every lane) stays single. The halves are
// computed as if independent: a block may not read through memory what its other half writes.

import type { Expr, LoadOperation, Var } from "./expr.ts";
import type { Statement, StoreOperation } from "./statement.ts";

/** Bytes between the two halves of a load or store: the size of one of them. */
const LOAD_BYTES: Readonly<Partial<Record<LoadOperation, number>>> = {
  "v128.load": 16,
  "v128.load16x4_u": 8,
};
const STORE_BYTES: Readonly<Partial<Record<StoreOperation, number>>> = {
  "v128.store": 16,
  "v128.store16x4": 8,
};
/** Loads that read the same address for both halves. */
const BROADCASTS: ReadonlySet<LoadOperation> = new Set(["v128.load32_splat"]);

/** Vector variables that are assigned after their declaration, so that the halves may differ. */
function assigned(statements: readonly Statement[], found = new Set<Var>()): Set<Var> {
  for (const statement of statements) {
    if (statement.kind === "set") found.add(statement.variable);
    else if (statement.kind === "for" || statement.kind === "while" || statement.kind === "vectors")
      assigned(statement.body, found);
    else if (statement.kind === "if") {
      assigned(statement.yes, found);
      assigned(statement.no, found);
    }
  }
  return found;
}

/**
 * Doubles the vectors of a function's blocks. Throws on operations without a meaning for two halves: lane extraction
 * and insertion.
 */
export class Doubling {
  readonly #assigned: ReadonlySet<Var>;
  /** The second half of each variable that has one. */
  readonly #second = new Map<Var, Var>();

  /** @param body the whole function: a variable of one block may be used in another */
  constructor(body: readonly Statement[]) {
    this.#assigned = assigned(body);
  }

  block(statements: readonly Statement[]): Statement[] {
    return statements.flatMap((statement) => this.#statement(statement));
  }

  #statement(statement: Statement): Statement[] {
    switch (statement.kind) {
      case "let": {
        const { variable, value } = statement;
        const second = this.#half(value);
        if (variable.type !== "v128" || (second === value && !this.#assigned.has(variable)))
          return [statement];
        const other: Var = { kind: "var", type: "v128" };
        this.#second.set(variable, other);
        return [statement, { kind: "let", variable: other, value: second }];
      }
      case "set": {
        const { variable, value } = statement;
        const second = this.#half(value);
        if (variable.type !== "v128") return [statement];
        const other = this.#second.get(variable);
        if (other === undefined) throw new Error("a vector from outside a pair cannot be set inside it");
        return [statement, { kind: "set", variable: other, value: second }];
      }
      case "store": {
        const { op, value } = statement;
        const bytes = STORE_BYTES[op];
        if (bytes !== undefined) return this.#store(statement, bytes);
        if (value.type === "v128") throw new Error(`${op} has no meaning for a pair of vectors`);
        this.#half(value);
        return [statement];
      }
      case "vectors":
        throw new Error("vectors inside of vectors");
      case "for":
        return [{ ...statement, body: this.block(statement.body) }];
      case "while":
        this.#half(statement.condition);
        return [{ ...statement, body: this.block(statement.body) }];
      case "if":
        this.#half(statement.condition);
        return [{ ...statement, yes: this.block(statement.yes), no: this.block(statement.no) }];
      case "call":
      case "callIndirect":
      case "atomic":
      case "prefetch":
      case "return":
        return [statement];
      default:
        return statement satisfies never;
    }
  }

  /** Both values are computed before the first store, so that the stores are adjacent. */
  #store(statement: Extract<Statement, { kind: "store" }>, bytes: number): Statement[] {
    const before: Statement[] = [];
    const named = (value: Expr): Expr => {
      if (value.kind === "var" || value.kind === "vconst") return value;
      const variable: Var = { kind: "var", type: value.type };
      before.push({ kind: "let", variable, value });
      return variable;
    };
    const [first, second] = [statement.value, this.#half(statement.value)].map(named);
    if (first === undefined || second === undefined) return [];
    return [
      ...before,
      { ...statement, value: first },
      { ...statement, value: second, offset: statement.offset + bytes },
    ];
  }

  /** The second half's expression; the same object where the halves are equal. */
  #half(e: Expr): Expr {
    switch (e.kind) {
      case "const":
        return e;
      case "vconst":
        if (e.words.some((word) => word !== e.words[0]))
          throw new Error("a constant with different lanes has no meaning for a pair of vectors");
        return e;
      case "var":
        return this.#second.get(e) ?? e;
      case "op": {
        const args = e.args.map((arg) => this.#half(arg));
        if (args.every((arg, i) => arg === e.args[i])) return e;
        if (e.type !== "v128") throw new Error(`${e.op} has no meaning for a pair of vectors`);
        return { ...e, args };
      }
      case "lanes":
        throw new Error(`${e.op} has no meaning for a pair of vectors`);
      case "load": {
        if (e.type !== "v128" || BROADCASTS.has(e.op)) return e;
        const bytes = LOAD_BYTES[e.op];
        if (bytes === undefined) throw new Error(`${e.op} has no meaning for a pair of vectors`);
        return { ...e, offset: e.offset + bytes };
      }
      default:
        return e satisfies never;
    }
  }
}
