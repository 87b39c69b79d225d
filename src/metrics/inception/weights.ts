// The weights of the Inception network from a safetensors file with the names of pytorch-fid's state dict.

import { openSafetensors } from "../../io/safetensors.ts";
import type { HostWeight, StateDict } from "../../io/state_dict.ts";
import { FileError, firstLine } from "../../platform/errors.ts";
import { InceptionV3 } from "./inception_v3.ts";

/** The epsilon of each batch norm. */
const BATCH_NORM_EPS = 0.001;
const BATCH_NORM = ["weight", "bias", "running_mean", "running_var"];
/** How to convert the usual file. */
const CONVERT =
  "python -c \"import torch; from safetensors.torch import save_file; save_file(torch.load('pt_inception-2015-12-05-6726825d.pth'), 'inception.safetensors')\"";

/**
 * Reads the network from a file; the classifier (fc) and counters in it are ignored.
 * @throws FileError, in one line, for a file that cannot be read or holds another network
 */
export async function readInception(path: string, divisor = 1): Promise<InceptionV3> {
  if (/\.(pth?|pkl|ckpt)$/i.test(path)) {
    throw new FileError(path, `PyTorch's own files are not read; make a safetensors file of it: ${CONVERT}`);
  }
  const network = new InceptionV3(divisor);
  const state = foldBatchNorms(await readFloats(path), path);
  try {
    return network.loadStateDict(state);
  } catch (error) {
    const problem = firstLine(error);
    throw new FileError(path, `${problem}; expected the Inception network of FID (pt_inception-2015-12-05)`, {
      cause: error,
    });
  }
}

async function readFloats(path: string): Promise<StateDict> {
  const file = await openSafetensors(path);
  try {
    const names = file.names.filter(
      (name) => /\.(conv|bn)\./.test(name) && !name.endsWith("num_batches_tracked"),
    );
    const state: StateDict = new Map();
    for (const name of names) {
      state.set(name, { data: await file.readFloat32(name), shape: file.info(name).shape });
    }
    return state;
  } finally {
    await file.close();
  }
}

/**
 * Folds each batch norm into the convolution before it, which gets a bias:
 * γ (w x - μ) / √(σ² + ε) + β = (γ / √(σ² + ε)) w x + (β - γ μ / √(σ² + ε)).
 */
function foldBatchNorms(state: StateDict, path: string): StateDict {
  const folded: StateDict = new Map();
  for (const [name, weight] of state) {
    if (!name.endsWith(".conv.weight")) continue;
    const layer = name.slice(0, -".conv.weight".length);
    const [gamma, beta, mean, variance] = BATCH_NORM.map((part) => {
      const tensor = state.get(`${layer}.bn.${part}`);
      if (tensor?.data.length === weight.shape[0]) return tensor.data;
      throw new FileError(
        path,
        `${layer}.bn.${part} is missing or of another size; expected the Inception network of FID (pt_inception-2015-12-05)`,
      );
    });
    const scale = Float64Array.from(gamma, (g, o) => g / Math.sqrt(variance[o] + BATCH_NORM_EPS));
    folded.set(name, scaledFilters(weight, scale));
    const bias = Float32Array.from(beta, (b, o) => b - mean[o] * scale[o]);
    folded.set(`${layer}.conv.bias`, { data: bias, shape: [bias.length] });
  }
  return folded;
}

function scaledFilters({ data, shape }: HostWeight, scale: Float64Array): HostWeight {
  const each = data.length / scale.length;
  return { data: data.map((value, i) => value * scale[Math.floor(i / each)]), shape };
}
