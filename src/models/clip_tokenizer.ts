// CLIP's tokenizer: prompts to numbers of tokens, as transformers' CLIPTokenizer gives them.

import type { Tokenizer } from "@huggingface/tokenizers";
import { quoted } from "../io/printable.ts";
import { type CLIPOwnTokens, clipTokenizerJson, writeCLIPTokenizer } from "./clip_tokenizer_files.ts";
import {
  type CLIPAddedToken,
  type CLIPTokenizerSettings,
  type CLIPVocabulary,
  readCLIPSettings,
  readCLIPVocabulary,
} from "./clip_vocabulary.ts";

/** Tokens of a prompt if the files do not say. */
const USUAL_LENGTH = 77;
/** Most characters of a prompt. */
const MOST_CHARACTERS = 2 ** 16;

/** Prompts as tokens. */
export interface TokenizedPrompts {
  /** Numbers of tokens, i32 [N, T]: the beginning, the prompt, the end, and padding. */
  readonly inputIds: { readonly data: Int32Array; readonly shape: readonly [count: number, tokens: number] };
  /** For each prompt the text that had no room, as its tokens spell it; "" for one that fitted. */
  readonly removed: readonly string[];
}

/** Options of `encode`. */
export interface CLIPEncodeOptions {
  /** T, with the tokens around the prompt. Default: `modelMaxLength`. */
  readonly maxLength?: number;
}

/** What a tokenizer is made of. */
interface Parts {
  readonly tokenizer: Tokenizer;
  readonly own: CLIPOwnTokens;
  readonly vocabulary: CLIPVocabulary;
  readonly settings: CLIPTokenizerSettings & { readonly modelMaxLength: number };
}

/** JavaScript has another small letter for a Σ that ends a word; Python's tokenizers look at single letters. */
const SMALL_SIGMA = { type: "Replace", pattern: { String: "Σ" }, content: "σ" };

/** Turns prompts into tokens (transformers' CLIPTokenizer). */
export class CLIPTokenizer {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Reads a folder as transformers saves it: tokenizer.json, or vocab.json and merges.txt, and the settings beside them.
   * How text is split is CLIP's in any case.
   * @param settings in place of those of the files
   * @throws FileError, in one line, if there is no vocabulary, or none of CLIP's kind
   * @throws RangeError when a token of the settings is not in the vocabulary
   */
  static async fromFolder(
    folder: string,
    settings: Partial<CLIPTokenizerSettings> = {},
  ): Promise<CLIPTokenizer> {
    const vocabulary = await readCLIPVocabulary(folder);
    return CLIPTokenizer.of(vocabulary, { ...(await readCLIPSettings(folder)), ...settings });
  }

  /** From what the files of a folder say. @throws RangeError when a token of the settings is not in the vocabulary */
  static async of(vocabulary: CLIPVocabulary, settings: CLIPTokenizerSettings): Promise<CLIPTokenizer> {
    const { bosToken, eosToken, padToken, modelMaxLength = USUAL_LENGTH } = settings;
    const numberOf = (token: string): number => {
      const added = vocabulary.addedTokens.find(({ content }) => content === token);
      if (added !== undefined) return added.id;
      if (Object.hasOwn(vocabulary.vocab, token)) return vocabulary.vocab[token];
      throw new RangeError(`the token ${quoted(token)} of the tokenizer's settings is not in its vocabulary`);
    };
    // As in transformers, the padding token is one of them even where it is a word: "!" of Stable Diffusion 2.
    const ownToken = (content: string): CLIPAddedToken => ({
      id: numberOf(content),
      content,
      normalized: false,
      special: true,
    });
    const own = { bos: ownToken(bosToken), eos: ownToken(eosToken), pad: ownToken(padToken) };
    const { Tokenizer } = await import("@huggingface/tokenizers");
    const json = { ...clipTokenizerJson(vocabulary, own, [SMALL_SIGMA]), post_processor: null };
    const tokenizer = new Tokenizer(json, {});
    return new CLIPTokenizer({ tokenizer, own, vocabulary, settings: { ...settings, modelMaxLength } });
  }

  /**
   * Writes the folder that `fromFolder` and transformers' CLIPTokenizer.from_pretrained read.
   * @throws FileError, in one line
   */
  async save(folder: string): Promise<void> {
    const { vocabulary, own, settings } = this.#parts;
    await writeCLIPTokenizer(folder, vocabulary, own, settings);
  }

  /** Tokens of a prompt, with those around it. */
  get modelMaxLength(): number {
    return this.#parts.settings.modelMaxLength;
  }

  /**
   * Every prompt becomes as many tokens: short ones are padded, long ones cut.
   * @throws RangeError for a prompt of more than 65536 characters, or a `maxLength` without room for one token
   */
  encode(
    prompts: readonly string[],
    { maxLength = this.modelMaxLength }: CLIPEncodeOptions = {},
  ): TokenizedPrompts {
    if (!Number.isInteger(maxLength) || maxLength < 3) {
      throw new RangeError(
        `a maxLength of ${maxLength} was given, where a whole number of at least 3 was expected`,
      );
    }
    const { tokenizer, own } = this.#parts;
    const [bos, eos, pad] = [own.bos.id, own.eos.id, own.pad.id];
    const room = maxLength - 2;
    const data = new Int32Array(prompts.length * maxLength).fill(pad);
    const removed = prompts.map((prompt, row) => {
      const ids = this.#ids(prompt);
      data.set([bos, ...ids.slice(0, room), eos], row * maxLength);
      return ids.length > room ? tokenizer.decode(ids.slice(room)) : "";
    });
    return { inputIds: { data, shape: [prompts.length, maxLength] }, removed };
  }

  /** The tokens of a prompt without those around it. */
  #ids(prompt: string): number[] {
    if (prompt.length > MOST_CHARACTERS) {
      throw new RangeError(
        `a prompt of ${prompt.length} characters was given, where at most ${MOST_CHARACTERS} were expected`,
      );
    }
    return this.#parts.tokenizer.encode(prompt, { add_special_tokens: false }).ids;
  }
}
