// One of CLIP's text encoders and its tokenizer: texts to numbers, on the backend that a call computes on.

import type { Backend } from "../engine/backend.ts";
import { input, type Tensor } from "../engine/tensor.ts";
import { quoted } from "../io/printable.ts";
import type { CLIPTextModel } from "../models/clip_text_model.ts";
import type { CLIPTokenizer } from "../models/clip_tokenizer.ts";
import type { Warn } from "./components.ts";
import { asPipelineError, PipelineError } from "./errors.ts";

/** What is computed of the tokens of a text, i32 [1, tokens]. */
export type Encoding = (ids: Tensor) => readonly Tensor[];

/** Texts to numbers. M: the class of the text encoder. */
export class PromptEncoder<M extends CLIPTextModel = CLIPTextModel> {
  /** The text encoder. */
  readonly model: M;
  /** Makes its tokens. */
  readonly tokenizer: CLIPTokenizer;
  /** Those that hold the text encoder's weights. */
  #uploaded = new WeakSet<Backend>();

  constructor(tokenizer: CLIPTokenizer, model: M) {
    this.tokenizer = tokenizer;
    this.model = model;
  }

  /** Tokens of a text, those around it included. */
  get tokens(): number {
    return Math.min(this.tokenizer.modelMaxLength, this.model.config.maxPositionEmbeddings);
  }

  /** Call after a change of the text encoder's weights: the next prompts are encoded by the new ones. */
  weightsChanged(): void {
    this.#uploaded = new WeakSet();
  }

  /**
   * Computes the same of each text.
   * @param warn told of texts that are too long, of which the end is cut off
   * @returns for each text the numbers that `encoding` gives
   * @throws PipelineError for tokens that the text encoder does not have
   */
  async encode(
    texts: readonly string[],
    encoding: Encoding,
    backend: Backend,
    warn: Warn | undefined,
  ): Promise<readonly (readonly Float32Array[])[]> {
    const tokensOf = asPipelineError(() => this.#tokenize([...new Set(texts)], warn));
    if (!this.#uploaded.has(backend)) this.model.upload(backend);
    this.#uploaded.add(backend);
    const ids = input([1, this.tokens], "i32", "inputIds");
    const outputs = [...encoding(ids)];
    const program = { name: this.model.className, inputs: [ids], outputs, batchInvariant: true };
    const executable = await backend.compile(program);
    try {
      const encoded = new Map<string, readonly Float32Array[]>();
      for (const [text, tokens] of tokensOf) encoded.set(text, await executable.run([tokens]));
      return texts.map((text) => encoded.get(text) ?? []);
    } finally {
      executable.dispose();
    }
  }

  #tokenize(texts: readonly string[], warn: Warn | undefined): Map<string, Int32Array> {
    const { tokens } = this;
    const { vocabSize } = this.model.config;
    const { inputIds, removed } = this.tokenizer.encode(texts, { maxLength: tokens });
    const foreign = inputIds.data.find((id) => id >= vocabSize);
    if (foreign !== undefined) {
      throw new PipelineError(
        `the tokenizer gives token ${foreign}, but the text encoder has ${vocabSize}; they are of different models`,
      );
    }
    for (const text of removed) {
      if (text === "") continue;
      warn?.(`a prompt is longer than ${tokens - 2} tokens; not seen by the model: ${quoted(text)}`);
    }
    return new Map(texts.map((text, k) => [text, inputIds.data.slice(k * tokens, (k + 1) * tokens)]));
  }
}
