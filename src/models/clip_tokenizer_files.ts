// The files of a CLIP tokenizer as transformers writes them: tokenizer.json, vocab.json and merges.txt, and the settings.

import { files, paths } from "#platform";
import { type JsonObject, writePythonJson } from "../io/diffusers_json.ts";
import {
  type CLIPAddedToken,
  type CLIPTokenizerSettings,
  type CLIPVocabulary,
  END_OF_WORD,
  MERGES,
  VOCABULARY,
  WHOLE,
} from "./clip_vocabulary.ts";

const { join } = paths;

/** The tokens around a prompt, by their texts and numbers. */
export interface CLIPOwnTokens {
  readonly bos: CLIPAddedToken;
  readonly eos: CLIPAddedToken;
  readonly pad: CLIPAddedToken;
}

/** The tokens of a prompt that are no words: the tokenizer's own, then others. */
function clipAddedTokens(own: CLIPOwnTokens, vocabulary: CLIPVocabulary): CLIPAddedToken[] {
  const all = [own.bos, own.eos, own.pad];
  const others = vocabulary.addedTokens.filter(
    ({ content }) => !all.some((token) => token.content === content),
  );
  return [...all, ...others];
}

/**
 * How CLIP splits text, in the words of a tokenizer.json.
 * @param normalizers beside those of CLIP, before letters become small ones
 */
export function clipTokenizerJson(
  vocabulary: CLIPVocabulary,
  own: CLIPOwnTokens,
  normalizers: readonly JsonObject[] = [],
): JsonObject & { readonly model: JsonObject } {
  const words = String.raw`<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;
  const { bos, eos } = own;
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: clipAddedTokens(own, vocabulary).map((token) => ({
      ...{ id: token.id, content: token.content, normalized: token.normalized, special: token.special },
      ...{ single_word: false, lstrip: false, rstrip: false },
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Replace", pattern: { Regex: String.raw`\s+` }, content: " " },
        ...normalizers,
        { type: "Lowercase" },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: words }, behavior: "Removed", invert: true },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: "RobertaProcessing",
      sep: [eos.content, eos.id],
      cls: [bos.content, bos.id],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: eos.content,
      continuing_subword_prefix: "",
      end_of_word_suffix: END_OF_WORD,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabulary.vocab,
      merges: vocabulary.merges,
    },
  };
}

/**
 * Writes the folder of a tokenizer, for transformers of any version.
 * @throws FileError, in one line
 */
export async function writeCLIPTokenizer(
  folder: string,
  vocabulary: CLIPVocabulary,
  own: CLIPOwnTokens,
  settings: CLIPTokenizerSettings & { readonly modelMaxLength: number },
): Promise<void> {
  const { bosToken, eosToken, padToken, modelMaxLength } = settings;
  const tokens = { bos_token: bosToken, eos_token: eosToken, pad_token: padToken, unk_token: eosToken };
  await writePythonJson(join(folder, WHOLE), clipTokenizerJson(vocabulary, own));
  await writePythonJson(join(folder, VOCABULARY), vocabulary.vocab);
  const merges = vocabulary.merges.map((merge) => `${merge.join(" ")}\n`);
  await files.writeFileAtomic(join(folder, MERGES), `#version: 0.2\n${merges.join("")}`);
  await writePythonJson(join(folder, "special_tokens_map.json"), tokens);
  await writePythonJson(join(folder, "tokenizer_config.json"), {
    ...tokens,
    model_max_length: modelMaxLength,
    tokenizer_class: "CLIPTokenizer",
  });
}
