// The weights of a model in its folder, whole or in shards with an index (weight_names.ts). Tensors keep torch's names
// and layout (OIHW filters, [out, in] linear weights), as float32.

import * as v from "valibot";
import { files, paths } from "#platform";
import type { HalfType } from "../engine/graph.ts";
import type { HostTensor } from "../engine/host_tensor.ts";
import { FileError } from "../platform/errors.ts";
import { readJsonAs, writePythonJson } from "./diffusers_json.ts";
import { DTYPE_BYTES, type Dtype } from "./dtypes.ts";
import { listModelFolder } from "./model_folder.ts";
import { plain } from "./plain.ts";
import { quoted } from "./printable.ts";
import { openSafetensors, type PendingTensor, writePending } from "./safetensors.ts";
import { elementCount } from "./safetensors_header.ts";
import { checkVariant, type ReadStateDictOptions, WeightNames } from "./weight_names.ts";
import type { WeightDtype, WeightSource } from "./weight_source.ts";

export type { ReadStateDictOptions } from "./weight_names.ts";
export type { WeightDtype, WeightElements, WeightSource } from "./weight_source.ts";

const { join } = paths;

/** A weight, in torch's layout: float32 data and shape. */
export type HostWeight = HostTensor;

/** A weight of 16-bit elements, in torch's layout. */
export interface HalfWeight {
  /** The bits of each element. */
  readonly bits: Uint16Array;
  /** Which 16 bits. */
  readonly dtype: HalfType;
  /** In torch's layout. */
  readonly shape: readonly number[];
}

/** A weight in a file. */
export interface StoredWeight {
  /** Its current name. */
  readonly name: string;
  readonly shape: readonly number[];
  /** Its type, if that has 16 bits. */
  readonly half: HalfType | undefined;
  /** Its elements as float32, at the latest before the next weight is asked for. @throws FileError */
  read(): Promise<Float32Array>;
  /** The bits of its elements, where these are of 16 bits. @throws FileError */
  readBits(): Promise<Uint16Array>;
}

/** The weights of a model: torch's names -> weights. */
export type StateDict = Map<string, HostWeight>;

/** Weights to write: in memory, or read one after another. */
export type WrittenWeights = ReadonlyMap<string, HostWeight | WeightSource>;

/** How weights are written. */
export type WriteStateDictOptions = ReadStateDictOptions & {
  /** Default F32. */
  readonly dtype?: WeightDtype | undefined;
  /** Largest shard (bytes of tensors); a larger tensor gets its own shard. Default 10 GB, as in diffusers. */
  readonly maxShardSize?: number | undefined;
};

const DEFAULT_SHARD_BYTES = 10_000_000_000;

const indexSchema = v.object({ weight_map: v.record(v.string(), v.string()) });

/**
 * Reads the weights of a model's folder, as float32, under their current names (attention weights of old checkpoints,
 * `query`, `key`, `value`, `proj_attn`, become `to_q`, `to_k`, `to_v`, `to_out.0`). Tables of token places, which old
 * text models hold, are left out.
 * @throws FileError, in one line, if there are no weights in the folder, only pickled ones, or damaged ones
 */
export async function readStateDict(folder: string, options: ReadStateDictOptions = {}): Promise<StateDict> {
  const weights: StateDict = new Map();
  for await (const { name, shape, read } of storedWeights(folder, options)) {
    weights.set(name, { data: await read(), shape });
  }
  return weights;
}

/**
 * The weights of a model's folder, one after another, under the names that `readStateDict` gives them. Each can be read
 * until the next is asked for, so that they need not be in memory together.
 * @throws FileError, in one line, as `readStateDict` does
 */
export async function* storedWeights(
  folder: string,
  options: ReadStateDictOptions = {},
): AsyncGenerator<StoredWeight, void, void> {
  const [first = ""] = weightFiles(await listModelFolder(folder), options, folder);
  const seen = new Set<string>();
  if (!new WeightNames(options).indices.includes(first)) {
    yield* weightsIn(join(folder, first), seen);
    return;
  }
  for (const [file, names] of await readIndex(folder, first)) {
    yield* weightsIn(join(folder, file), seen, names);
  }
}

/**
 * The files of a folder that `readStateDict` would read: the index and its shards, or a single file.
 * @param entries the folder's
 * @param folder for errors
 * @throws FileError, in one line, if there are no weights of the variant, or only pickled ones
 */
export function weightFiles(
  entries: Iterable<string>,
  options: ReadStateDictOptions,
  folder: string,
): [string, ...string[]] {
  checkVariant(folder, options.variant);
  const present = new Set(entries);
  const names = new WeightNames(options);
  const index = names.indices.find((name) => present.has(name));
  if (index !== undefined) return [index, ...[...present].filter((name) => names.isShard(name))];
  if (!present.has(names.whole)) throw names.missing(folder, present);
  return [names.whole];
}

/**
 * Writes the weights of a model into a folder (created if missing), in one file or, above `maxShardSize`, in shards
 * with an index. Files of an earlier write of the same variant are removed.
 * @throws FileError, in one line, if the disk is full, permission is missing, or a shape does not fit its data
 */
export async function writeStateDict(
  folder: string,
  weights: WrittenWeights,
  options: WriteStateDictOptions = {},
): Promise<void> {
  const { dtype = "F32", maxShardSize = DEFAULT_SHARD_BYTES } = options;
  checkVariant(folder, options.variant);
  const names = new WeightNames(options);
  if (!(maxShardSize > 0))
    throw new RangeError(`maxShardSize is ${maxShardSize}, where a number of bytes above 0 was expected`);
  const shards = splitIntoShards(weights, maxShardSize, DTYPE_BYTES[dtype]);
  const written = new Set<string>();
  const weightMap: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const file = shards.length === 1 ? names.whole : names.shard(i + 1, shards.length);
    const tensors = new Map<string, PendingTensor>();
    for (const [name, weight] of shard) {
      const { shape } = weight;
      const read = "read" in weight ? () => weight.read(dtype) : async () => weight.data;
      tensors.set(name, { shape, dtype, read });
      weightMap[name] = file;
    }
    await writePending(join(folder, file), tensors);
    written.add(file);
  }
  if (shards.length > 1) {
    const [index] = names.indices;
    const elements = [...weights.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const metadata = { total_size: elements * DTYPE_BYTES[dtype] };
    await writePythonJson(join(folder, index), { metadata, weight_map: weightMap });
    written.add(index);
  }
  await removeOthers(folder, names, written);
}

/**
 * The weights of one safetensors file.
 * @param seen names so far
 * @param expected if given, the file must hold exactly these
 */
async function* weightsIn(
  path: string,
  seen: Set<string>,
  expected?: ReadonlySet<string>,
): AsyncGenerator<StoredWeight, void, void> {
  const file = await openSafetensors(path);
  try {
    for (const name of expected ?? []) {
      if (!file.has(name))
        throw new FileError(path, `the index says that tensor ${plain(name)} is in this file, but it is not`);
    }
    for (const stored of file.names) {
      if (expected !== undefined && !expected.has(stored)) {
        throw new FileError(path, `tensor ${plain(stored)} is in this file, but the index does not say so`);
      }
      if (PLACES.test(stored)) continue;
      const name = currentName(stored);
      if (seen.has(name))
        throw new FileError(path, `tensor ${plain(stored)} gives ${plain(name)} a second time`);
      seen.add(name);
      const { shape, dtype } = file.info(stored);
      yield {
        ...{ name, shape, half: HALVES[dtype] },
        read: () => file.readFloat32(stored),
        readBits: () => file.readBits(stored),
      };
    }
  } finally {
    await file.close();
  }
}

/** The types of 16 bits. */
export const HALVES: Readonly<Partial<Record<Dtype, HalfType>>> = { F16: "f16", BF16: "bf16" };

/** The names of the shards that an index names. @throws FileError */
export const shardNames = async (folder: string, index: string): Promise<string[]> => [
  ...(await readIndex(folder, index)).keys(),
];

/** Shard file -> names of its tensors. Every file name is checked to be a plain name inside the folder. */
async function readIndex(folder: string, index: string): Promise<Map<string, Set<string>>> {
  const path = join(folder, index);
  const { weight_map } = await readJsonAs(path, indexSchema);
  const shards = new Map<string, Set<string>>();
  for (const [name, file] of Object.entries(weight_map)) {
    if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*\.safetensors$/.test(file)) {
      throw new FileError(
        path,
        `weight_map puts ${quoted(name)} into ${quoted(file)}, where the name of a .safetensors file in this folder was expected`,
      );
    }
    const names = shards.get(file) ?? new Set<string>();
    shards.set(file, names.add(name));
  }
  if (shards.size === 0) throw new FileError(path, "weight_map is empty: the index names no weights");
  return shards;
}

/** The numbers 0, 1, 2, ... in old files of text models. */
const PLACES = /(?:^|\.)embeddings\.position_ids$/;
const OLD_ATTENTION = /((?:^|\.)attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)$/;
const NEW_ATTENTION: Readonly<Record<string, string>> = {
  query: "to_q",
  key: "to_k",
  value: "to_v",
  proj_attn: "to_out.0",
};

/** The current name of a weight: checkpoints of 2022 (google/ddpm-*) have older names for the attention weights. */
function currentName(name: string): string {
  return name.replace(
    OLD_ATTENTION,
    (_match, block: string, old: string, kind: string) => `${block}.${NEW_ATTENTION[old]}.${kind}`,
  );
}

type WrittenWeight = readonly [name: string, weight: HostWeight | WeightSource];

/** The weights, in order, split where the next tensor would exceed the limit. */
function splitIntoShards(weights: WrittenWeights, maxBytes: number, elementBytes: number): WrittenWeight[][] {
  const shards: WrittenWeight[][] = [];
  let current: WrittenWeight[] = [];
  let bytes = 0;
  for (const entry of weights) {
    const size = elementCount(entry[1].shape) * elementBytes;
    if (size > maxBytes) {
      shards.push([entry]);
      continue;
    }
    if (bytes + size > maxBytes) {
      shards.push(current);
      current = [];
      bytes = 0;
    }
    current.push(entry);
    bytes += size;
  }
  if (current.length > 0 || shards.length === 0) shards.push(current);
  return shards;
}

/** Removes whole files, shards and indices of this variant that are not in `keep`. */
async function removeOthers(folder: string, names: WeightNames, keep: ReadonlySet<string>): Promise<void> {
  const ours = new Set([names.whole, ...names.indices]);
  for (const name of await listModelFolder(folder)) {
    if ((ours.has(name) || names.isShard(name)) && !keep.has(name)) await files.remove(join(folder, name));
  }
}
