// Encodes the body of one function as WebAssembly.

import { ByteWriter } from "./bytes.ts";
import type { Expr, OperationExpr, ValueType, Var } from "./expr.ts";
import { LANES } from "./expr.ts";
import { Doubling } from "./pairs.ts";
import type { FunctionRef, RecordedFunction, Signature, Statement } from "./statement.ts";
import * as op from "./wasm_opcodes.ts";

/** The module's indices of what a function refers to. */
export interface ModuleIndex {
  readonly relaxed: boolean;
  functionIndex(target: FunctionRef): number;
  typeIndex(signature: Signature): number;
}

const EMPTY_BLOCK = 0x40;
const [BLOCK, LOOP, IF, ELSE, END, BR, BR_IF, RETURN, DROP] = [
  0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d, 0x0f, 0x1a,
] as const;
const [CALL, CALL_INDIRECT, LOCAL_GET, LOCAL_SET] = [0x10, 0x11, 0x20, 0x21] as const;
const ATOMIC_ALIGNMENT = 2;

/** An entry of the code section: locals, then instructions. */
export function encodeFunction(f: RecordedFunction, module: ModuleIndex): ByteWriter {
  const encoder = new FunctionEncoder(f, module);
  return encoder.encode();
}

class FunctionEncoder {
  private readonly f: RecordedFunction;
  private readonly module: ModuleIndex;
  private readonly code = new ByteWriter();
  /** Types of the locals after the parameters. A local is reused when its variable's block has ended. */
  private readonly locals: ValueType[] = [];
  private readonly free = new Map<ValueType, number[]>();
  private readonly indices = new Map<Var, number>();
  private doubling: Doubling | undefined;
  private loopDepth = 0;
  /** Locals that hold vector constants of loops: set once, because an engine may rebuild a constant at each use. */
  private readonly constants = new Map<string, { index: number; words: readonly number[] }>();

  constructor(f: RecordedFunction, module: ModuleIndex) {
    this.f = f;
    this.module = module;
    f.parameters.forEach((parameter, i) => {
      this.indices.set(parameter, i);
    });
  }

  encode(): ByteWriter {
    this.block(this.f.body);
    if (this.f.result !== undefined) this.code.u8(0x00); // unreachable: every path returned
    this.code.u8(END);
    const out = new ByteWriter();
    this.encodeLocals(out);
    for (const { index, words } of this.constants.values()) {
      encodeVector(out, words);
      out.u8(LOCAL_SET);
      out.unsigned(index);
    }
    out.append(this.code.finish());
    return out;
  }

  private encodeLocals(out: ByteWriter): void {
    const runs: { type: ValueType; count: number }[] = [];
    for (const type of this.locals) {
      const last = runs.at(-1);
      if (last?.type === type) last.count++;
      else runs.push({ type, count: 1 });
    }
    out.unsigned(runs.length);
    for (const { type, count } of runs) {
      out.unsigned(count);
      out.u8(op.VALUE_TYPES[type]);
    }
  }

  // --- Variables

  private introduce(variable: Var, scope: Var[]): void {
    if (this.indices.has(variable)) throw new Error(`${this.f.name}: a variable was declared twice`);
    this.indices.set(variable, this.free.get(variable.type)?.pop() ?? this.newLocal(variable.type));
    scope.push(variable);
  }
  private newLocal(type: ValueType): number {
    return this.f.parameters.length + this.locals.push(type) - 1;
  }
  private release(scope: readonly Var[]): void {
    for (const variable of scope) {
      const index = this.indexOf(variable);
      this.indices.delete(variable);
      const list = this.free.get(variable.type);
      if (list === undefined) this.free.set(variable.type, [index]);
      else list.push(index);
    }
  }
  private indexOf(variable: Var): number {
    const index = this.indices.get(variable);
    if (index === undefined)
      throw new Error(`${this.f.name}: a variable is used outside the block it was made in`);
    return index;
  }
  private get(variable: Var): void {
    this.code.u8(LOCAL_GET);
    this.code.unsigned(this.indexOf(variable));
  }
  private set(variable: Var): void {
    this.code.u8(LOCAL_SET);
    this.code.unsigned(this.indexOf(variable));
  }

  // --- Statements

  private block(statements: readonly Statement[]): void {
    const scope: Var[] = [];
    for (const statement of statements) this.statement(statement, scope);
    this.release(scope);
  }

  private statement(statement: Statement, scope: Var[]): void {
    const { code } = this;
    switch (statement.kind) {
      case "let":
        this.expr(statement.value);
        this.introduce(statement.variable, scope);
        this.set(statement.variable);
        return;
      case "set":
        this.expr(statement.value);
        this.set(statement.variable);
        return;
      case "store": {
        this.expr(statement.address);
        this.expr(statement.value);
        if (statement.op === "v128.store16x4") {
          encodeVector(code, [0, 0, 0, 0]);
          this.instruction(op.NARROW_LANES);
        }
        this.instruction(op.STORE_OPCODES[statement.op]);
        this.immediateAddress(statement.op, statement.offset);
        if (statement.op.endsWith("lane0") || statement.op === "v128.store16x4") code.u8(0);
        return;
      }
      case "for":
        this.forLoop(statement);
        return;
      case "vectors":
        if (statement.count !== 2) throw new Error(`${this.f.name}: ${statement.count} vectors as one`);
        this.doubling ??= new Doubling(this.f.body);
        for (const each of this.doubling.block(statement.body)) this.statement(each, scope);
        return;
      case "while":
        this.open(BLOCK);
        this.open(LOOP);
        this.expr(statement.condition);
        code.u8(op.OPCODES["i32.eqz"]);
        this.branch(BR_IF, 1);
        this.loopBody(statement.body);
        this.branch(BR, 0);
        code.u8(END);
        code.u8(END);
        return;
      case "if":
        this.expr(statement.condition);
        this.open(IF);
        this.block(statement.yes);
        if (statement.no.length > 0) {
          code.u8(ELSE);
          this.block(statement.no);
        }
        code.u8(END);
        return;
      case "call":
        for (const arg of statement.args) this.expr(arg);
        code.u8(CALL);
        code.unsigned(this.module.functionIndex(statement.target));
        this.result(statement.target, statement.into, scope);
        return;
      case "callIndirect":
        for (const arg of statement.args) this.expr(arg);
        this.expr(statement.index);
        code.u8(CALL_INDIRECT);
        code.unsigned(this.module.typeIndex(statement.signature));
        code.unsigned(0);
        this.result(statement.signature, statement.into, scope);
        return;
      case "atomic":
        this.expr(statement.address);
        for (const arg of statement.args) this.expr(arg);
        this.instruction(op.ATOMIC_OPCODES[statement.op]);
        this.immediateAddress(statement.op, statement.offset);
        this.result({ params: [], result: "i32" }, statement.into, scope);
        return;
      case "prefetch":
        return; // WebAssembly has no such hint
      case "return":
        if (statement.value !== undefined) this.expr(statement.value);
        code.u8(RETURN);
        return;
      default:
        statement satisfies never;
    }
  }

  private result(signature: Signature, into: Var | undefined, scope: Var[]): void {
    if (into !== undefined) {
      this.introduce(into, scope);
      this.set(into);
    } else if (signature.result !== undefined) this.code.u8(DROP);
  }

  private forLoop(loop: Extract<Statement, { kind: "for" }>): void {
    const { code } = this;
    const scope: Var[] = [];
    this.expr(loop.start);
    this.introduce(loop.variable, scope);
    this.set(loop.variable);
    const end = this.named(loop.end, scope);
    const step = this.named(loop.step, scope);
    const test = () => {
      this.get(loop.variable);
      this.expr(end);
      code.u8(op.OPCODES["i32.lt_s"]);
    };
    if (!loop.atLeastOnce) {
      test();
      this.open(IF);
    }
    this.open(LOOP);
    this.loopBody(loop.body);
    this.get(loop.variable);
    this.expr(step);
    code.u8(op.OPCODES["i32.add"]);
    this.set(loop.variable);
    test();
    this.branch(BR_IF, 0);
    code.u8(END);
    if (!loop.atLeastOnce) code.u8(END);
    this.release(scope);
  }

  /** The value in a form that is cheap to evaluate repeatedly. */
  private named(e: Expr, scope: Var[]): Expr {
    if (e.kind === "const" || e.kind === "var") return e;
    const variable: Var = { kind: "var", type: e.type };
    this.expr(e);
    this.introduce(variable, scope);
    this.set(variable);
    return variable;
  }

  private open(opcode: number): void {
    this.code.u8(opcode);
    this.code.u8(EMPTY_BLOCK);
  }
  private loopBody(body: readonly Statement[]): void {
    this.loopDepth++;
    this.block(body);
    this.loopDepth--;
  }
  private branch(opcode: number, depth: number): void {
    this.code.u8(opcode);
    this.code.unsigned(depth);
  }

  // --- Expressions

  private expr(e: Expr): void {
    const { code } = this;
    switch (e.kind) {
      case "const":
        this.constant(e.type, e.value);
        return;
      case "vconst":
        this.vectorConstant(e.words);
        return;
      case "var":
        this.get(e);
        return;
      case "op":
        this.operation(e);
        return;
      case "lanes":
        for (const arg of e.args) this.expr(arg);
        this.instruction(op.LANE_OPCODES[e.op]);
        for (const lane of e.lanes) {
          if (e.op !== "shuffle4") code.u8(lane);
          else for (let byte = 0; byte < LANES; byte++) code.u8(4 * lane + byte);
        }
        return;
      case "load":
        this.expr(e.address);
        this.instruction(op.LOAD_OPCODES[e.op]);
        this.immediateAddress(e.op, e.offset);
        return;
      default:
        e satisfies never;
    }
  }

  private vectorConstant(words: readonly number[]): void {
    const isCheap = words.every((word) => word === words[0]) && (words[0] === 0 || words[0] === 0xffffffff);
    if (this.loopDepth === 0 || isCheap) {
      encodeVector(this.code, words);
      return;
    }
    const key = words.join();
    let constant = this.constants.get(key);
    if (constant === undefined) {
      constant = { index: this.newLocal("v128"), words };
      this.constants.set(key, constant);
    }
    this.code.u8(LOCAL_GET);
    this.code.unsigned(constant.index);
  }

  private constant(type: "i32" | "i64" | "f32" | "f64", value: number): void {
    const { code } = this;
    if (type === "i32" || type === "i64") {
      code.u8(type === "i32" ? 0x41 : 0x42);
      code.signed(type === "i32" ? value | 0 : value);
    } else if (type === "f32") {
      code.u8(0x43);
      code.f32(value);
    } else {
      code.u8(0x44);
      code.f64(value);
    }
  }

  private operation(e: OperationExpr): void {
    const relaxed = this.module.relaxed ? op.RELAXED[e.op] : undefined;
    const [a, b, c] = e.args;
    if (relaxed === undefined && e.op === "f32x4.fma" && a && b && c) {
      this.expr(a);
      this.expr(b);
      this.instruction(op.OPCODES["f32x4.mul"]);
      this.expr(c);
      this.instruction(op.OPCODES["f32x4.add"]);
    } else if (relaxed === undefined && e.op === "f32x4.fnma" && a && b && c) {
      this.expr(c);
      this.expr(a);
      this.expr(b);
      this.instruction(op.OPCODES["f32x4.mul"]);
      this.instruction(op.OPCODES["f32x4.sub"]);
    } else {
      for (const arg of e.args) this.expr(arg);
      if (relaxed !== undefined) this.instruction(relaxed);
      else if (e.op !== "f32x4.fma" && e.op !== "f32x4.fnma") this.instruction(op.OPCODES[e.op]);
    }
  }

  private instruction(opcode: number): void {
    if (opcode > 0xff) {
      this.code.u8(opcode >>> 16);
      this.code.unsigned(opcode & 0xffff);
    } else this.code.u8(opcode);
  }

  private immediateAddress(name: string, offset: number): void {
    this.code.unsigned(name.includes("atomic") ? ATOMIC_ALIGNMENT : 0);
    this.code.unsigned(offset);
  }
}

function encodeVector(out: ByteWriter, words: readonly number[]): void {
  out.u8(0xfd);
  out.unsigned(0x0c);
  for (const word of words) out.u32(word);
}
