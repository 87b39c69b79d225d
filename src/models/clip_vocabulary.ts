// The files of CLIP's tokenizer: its vocabulary, the merges that make longer tokens of shorter ones, and its settings.

import * as v from "valibot";
import { paths } from "#platform";
import { readBounded } from "../io/bounded_bytes.ts";
import { jsonObject, readJsonAs } from "../io/diffusers_json.ts";
import { listModelFolder } from "../io/model_folder.ts";
import { quoted } from "../io/printable.ts";
import { decodeUtf8 } from "../io/text.ts";
import { FileError } from "../platform/errors.ts";

const { join } = paths;

/** Two tokens that become one. */
export type CLIPMerge = readonly [left: string, right: string];

/** A token that is no word: it is found in a prompt before words are. */
export interface CLIPAddedToken {
  /** Its number. */
  readonly id: number;
  /** Its text. */
  readonly content: string;
  /** Whether it is found in the prompt as CLIP changes it, in small letters. */
  readonly normalized: boolean;
  /** Whether it is one of the tokenizer's own. */
  readonly special: boolean;
}

/** Tokens, and how words become them. */
export interface CLIPVocabulary {
  /** Token -> its number. */
  readonly vocab: Readonly<Record<string, number>>;
  /** In the order in which they are applied. */
  readonly merges: readonly CLIPMerge[];
  /** Those of tokenizer.json. */
  readonly addedTokens: readonly CLIPAddedToken[];
}

/** Tokens with a meaning of their own, and the length of a prompt. */
export interface CLIPTokenizerSettings {
  /** Before a prompt. */
  readonly bosToken: string;
  /** After it. */
  readonly eosToken: string;
  /** After that, up to the length. */
  readonly padToken: string;
  /** Tokens of a prompt, with those around it; undefined if the files do not say. */
  readonly modelMaxLength: number | undefined;
}

/** One file with everything, as the fast tokenizers of transformers write it. */
export const WHOLE = "tokenizer.json";
export const VOCABULARY = "vocab.json";
export const MERGES = "merges.txt";
/** Files of settings, of which the first that has one counts. */
const SETTINGS = ["tokenizer_config.json", "special_tokens_map.json"] as const;

const MOST_TOKENS = 2 ** 20;
const MOST_LENGTH = 2 ** 12;
const MOST_BYTES = 16 * 2 ** 20;
/** What ends a word among CLIP's tokens. */
export const END_OF_WORD = "</w>";

const number = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MOST_TOKENS));
const vocabSchema = v.record(v.string(), number);
const addedSchema = v.looseObject({
  id: number,
  content: v.pipe(v.string(), v.minLength(1)),
  normalized: v.optional(v.boolean(), true),
  special: v.optional(v.boolean(), false),
});
const wholeSchema = v.looseObject({
  added_tokens: v.optional(v.array(addedSchema), []),
  model: v.looseObject({
    type: v.optional(v.literal("BPE"), "BPE"),
    end_of_word_suffix: v.literal(END_OF_WORD),
    vocab: vocabSchema,
    merges: v.array(v.union([v.string(), v.tuple([v.string(), v.string()])])),
  }),
});
const tokenSchema = v.nullish(v.union([v.string(), v.looseObject({ content: v.string() })]));
const settingsSchema = v.pipe(
  jsonObject,
  v.looseObject({
    bos_token: tokenSchema,
    eos_token: tokenSchema,
    pad_token: tokenSchema,
    model_max_length: v.nullish(v.number()),
  }),
);
type Settings = v.InferOutput<typeof settingsSchema>;

/** Files of which a tokenizer's folder may have some. */
export const CLIP_TOKENIZER_CHOICES: readonly string[] = [WHOLE, ...SETTINGS];

/** The files of a tokenizer's folder that are read, of those that are there; a vocabulary is always among them. */
export function clipTokenizerFiles(names: readonly string[]): string[] {
  const vocabulary = names.includes(WHOLE) ? [WHOLE] : [VOCABULARY, MERGES];
  return [...vocabulary, ...SETTINGS.filter((name) => names.includes(name))];
}

/**
 * Reads the vocabulary of a folder: tokenizer.json, or vocab.json and merges.txt.
 * @throws FileError, in one line, if there is none, or it is none of CLIP's kind
 */
export async function readCLIPVocabulary(folder: string): Promise<CLIPVocabulary> {
  const names = new Set(await listModelFolder(folder));
  if (names.has(WHOLE)) {
    const path = join(folder, WHOLE);
    const { model, added_tokens: addedTokens } = await readJsonAs(path, wholeSchema);
    const merges = model.merges.map((merge) => (typeof merge === "string" ? mergeOf(merge, path) : merge));
    return checked({ vocab: model.vocab, merges, addedTokens }, path);
  }
  for (const name of [VOCABULARY, MERGES]) {
    if (!names.has(name)) {
      throw new FileError(
        folder,
        `there is neither ${WHOLE} nor ${name}: choose the folder of a CLIP tokenizer, such as "tokenizer" of Stable Diffusion`,
      );
    }
  }
  const path = join(folder, MERGES);
  const text = decodeUtf8(await readBounded(path, MOST_BYTES, "a table of merges"));
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#version"));
  const vocab = await readJsonAs(join(folder, VOCABULARY), vocabSchema);
  return checked({ vocab, merges: lines.map((line) => mergeOf(line, path)), addedTokens: [] }, path);
}

/** Reads the settings of a folder. @throws FileError */
export async function readCLIPSettings(folder: string): Promise<CLIPTokenizerSettings> {
  const names = new Set(await listModelFolder(folder));
  const found: Settings[] = [];
  for (const name of SETTINGS) {
    if (names.has(name)) found.push(await readJsonAs(join(folder, name), settingsSchema));
  }
  const token = (key: "bos_token" | "eos_token" | "pad_token", usual: string): string => {
    const given = found
      .map((settings) => settings[key])
      .find((value) => value !== undefined && value !== null);
    return typeof given === "string" ? given : (given?.content ?? usual);
  };
  const length = found
    .map((settings) => settings.model_max_length)
    .find((value) => typeof value === "number");
  const eosToken = token("eos_token", "<|endoftext|>");
  return {
    bosToken: token("bos_token", "<|startoftext|>"),
    eosToken,
    padToken: token("pad_token", eosToken),
    // transformers writes 1e30 where it knows of no limit.
    modelMaxLength:
      length != null && Number.isInteger(length) && length > 2 && length <= MOST_LENGTH ? length : undefined,
  };
}

function mergeOf(line: string, path: string): CLIPMerge {
  const [left, right, ...more] = line.trimEnd().split(" ");
  if (left && right && more.length === 0) return [left, right];
  throw new FileError(
    path,
    `the merge ${quoted(line)} was found, where two tokens with a space between were expected`,
  );
}

/** @throws FileError when the parts do not belong together */
function checked(vocabulary: CLIPVocabulary, path: string): CLIPVocabulary {
  const { vocab, merges } = vocabulary;
  const has = (token: string) => Object.hasOwn(vocab, token);
  const stray = merges.find(([left, right]) => !has(left) || !has(right) || !has(left + right));
  if (stray === undefined) return vocabulary;
  throw new FileError(
    path,
    `the merge ${quoted(stray.join(" "))} is of tokens that the vocabulary does not have`,
  );
}
