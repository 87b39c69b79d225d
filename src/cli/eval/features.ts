// Chooses the features for imago eval: Inception's if weights are given, otherwise the embedded ones.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { isHubName } from "../../io/hub/index.ts";
import type { FeatureNetwork } from "../../metrics/extractor.ts";
import { FID_PROTOCOLS, type FidProtocol, inceptionNetwork } from "../../metrics/inception/network.ts";
import { readInception } from "../../metrics/inception/weights.ts";
import { patchNetwork, patchSideOf } from "../../metrics/patch_network.ts";
import { UsageError } from "../errors.ts";
import { fetchHubFile } from "../hub_source.ts";
import type { Output } from "../output.ts";

export const FEATURES = ["embedded", ...FID_PROTOCOLS] as const;
export type FeaturesName = (typeof FEATURES)[number];

const DEFAULT_PROTOCOL: FidProtocol = "pytorch-fid";

/** The network for images of a size, in pixels. */
export type NetworkFor = (size: { readonly height: number; readonly width: number }) => FeatureNetwork;

/** @throws UsageError for conflicting options, FileError for weights that cannot be read */
export async function featureNetwork(
  name: FeaturesName | undefined,
  inception: string | undefined,
  output: Output,
): Promise<NetworkFor> {
  if (inception === undefined) {
    if (name === undefined || name === "embedded") {
      return (size) => patchNetwork(patchSideOf(size));
    }
    throw new UsageError(
      `--features ${name} needs Inception's weights; give them with --inception FILE or hf:OWNER/NAME, or use --features embedded`,
    );
  }
  if (name === "embedded") {
    throw new UsageError("--features embedded does not use --inception; leave one of them out");
  }
  const file = isHubName(inception) ? await fetchHubFile(inception, {}, output) : inception;
  const model = await readInception(file);
  const network = inceptionNetwork(model, name ?? DEFAULT_PROTOCOL, `sha256:${await digest(file)}`);
  return () => network;
}

async function digest(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
