// The names of a model's weights files: diffusion_pytorch_model[.variant].safetensors for diffusers' models, model for
// those of transformers, whole or in shards with an index.

import { FileError } from "../platform/errors.ts";

/** The library whose classes a folder's model has. */
export type WeightsLibrary = "diffusers" | "transformers";

const BASES: Readonly<Record<WeightsLibrary, string>> = {
  diffusers: "diffusion_pytorch_model",
  transformers: "model",
};

/** Which weights file of a folder to read. */
export type ReadStateDictOptions = {
  /** Reads NAME.VARIANT.safetensors, for example "fp16". Default: the file without a variant. */
  readonly variant?: string | undefined;
  /** "transformers" for text models: their weights are in model.safetensors. Default "diffusers". */
  readonly library?: WeightsLibrary | undefined;
};

/** The names of the weights of one variant. */
export class WeightNames {
  readonly #library: WeightsLibrary;
  readonly #variant: string | undefined;

  constructor({ variant, library = "diffusers" }: ReadStateDictOptions) {
    this.#library = library;
    this.#variant = variant;
  }

  /** The name where there is one file. */
  get whole(): string {
    return `${this.#stem}.safetensors`;
  }

  /** The name of one of several files, from 1. */
  shard(number: number, of: number): string {
    const five = (n: number) => String(n).padStart(5, "0");
    return `${this.#stem}-${five(number)}-of-${five(of)}.safetensors`;
  }

  /** Possible names of an index: the current one, which is written, and that of older versions of Python's libraries. */
  get indices(): readonly [string, ...string[]] {
    const index = `${this.#base}.safetensors`;
    if (this.#variant === undefined) return [`${index}.index.json`];
    return [`${index}.index.${this.#variant}.json`, `${index}.${this.#variant}.index.json`];
  }

  /** Whether a file is one of several of this variant. */
  isShard(name: string): boolean {
    const start = `${this.#stem}-`;
    return name.startsWith(start) && /^\d{5}-of-\d{5}\.safetensors$/.test(name.slice(start.length));
  }

  /** The error that there is none of these files. @param present the folder's entries */
  missing(folder: string, present: ReadonlySet<string>): FileError {
    const others = new Set(
      [...present].map((name) => this.#variantOf(name)).filter((found) => found !== null),
    );
    if (others.has(this.#variant)) {
      return new FileError(
        folder,
        `there are shards of the weights, but not the index that says what is in them (${this.indices[0]}); copy it too`,
      );
    }
    if (others.size > 0) {
      const known = [...others].map((name) =>
        name === undefined
          ? "the weights without a variant (leave it out)"
          : `the variant ${name} (--variant ${name})`,
      );
      return new FileError(folder, `there is no ${this.whole}, only ${known.sort().join(" and ")}`);
    }
    if ([...present].some((name) => name.endsWith(".bin"))) {
      return new FileError(
        folder,
        `the weights are a pickle file (.bin), which can run code and is not read; convert them in Python: load the model and save_pretrained(..., safe_serialization=True)`,
      );
    }
    return new FileError(
      folder,
      `there is no ${this.whole}: choose a folder in which ${this.#library} saved a model`,
    );
  }

  get #base(): string {
    return BASES[this.#library];
  }

  get #stem(): string {
    return this.#variant === undefined ? this.#base : `${this.#base}.${this.#variant}`;
  }

  /** The variant of a weights file; undefined for no variant, null for any other file. */
  #variantOf(name: string): string | undefined | null {
    const rest = name.startsWith(this.#base) ? name.slice(this.#base.length) : "";
    const match = /^(?:\.([A-Za-z0-9_-]+?))?(?:-\d{5}-of-\d{5})?\.safetensors$/.exec(rest);
    return match === null ? null : match[1];
  }
}

/** @throws FileError for a variant that is no part of a file's name */
export function checkVariant(folder: string, variant: string | undefined): void {
  if (variant !== undefined && !/^[A-Za-z0-9_-]+$/.test(variant)) {
    throw new FileError(
      folder,
      `variant ${JSON.stringify(variant)}, where letters and digits such as "fp16" were expected`,
    );
  }
}
