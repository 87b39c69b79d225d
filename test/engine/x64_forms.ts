// Every form of instruction that the assembler writes, with the text that objdump must print for its bytes. The bytes
// that stood that test are in test/fixtures/x64_forms.json (see tools/x64_forms.ts).

import { Assembler } from "../../src/engine/backends/cpu/native/x64/assembler.ts";
import { integerForms } from "./x64_integer_forms.ts";
import { POOL_AT } from "./x64_operands.ts";
import { vectorForms } from "./x64_vector_forms.ts";

export interface Form {
  /** One instruction or several, joined by "; ". Distances are from the first byte of the form. */
  readonly text: string;
  readonly write: (a: Assembler) => void;
  /** The constant that it refers to. */
  readonly words?: readonly number[] | undefined;
}

export const ENCODINGS = ["integer", "vex", "evex"] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Forms by encoding; texts are unique within each. */
export const forms: Readonly<Record<Encoding, readonly Form[]>> = {
  integer: integerForms(),
  vex: vectorForms("vex"),
  evex: vectorForms("evex"),
};

/** The bytes of a form, with its constant. */
export function bytesOf(encoding: Encoding, { write, words }: Form): Uint8Array {
  const a = new Assembler(encoding === "evex");
  write(a);
  if (words !== undefined) a.align(POOL_AT);
  return a.finish();
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
