// The spellings of a LoRA's tensors: those of diffusers (before and since PEFT), of PEFT itself, and of kohya's programs.
//   unet.down_blocks.0…attn1.processor.to_q_lora.down.weight   diffusers 0.11 to 0.20
//   unet.down_blocks.0…attn1.to_q.lora.down.weight             diffusers since, with …lora_linear_layer… in text encoders
//   unet.down_blocks.0…attn1.to_q.lora_A.weight                PEFT
//   lora_unet_down_blocks_0…attn1_to_q.lora_down.weight        kohya, with a tensor …alpha for each layer

/** The models that a LoRA changes, by their names in a pipeline. */
export type LoraComponent = "unet" | "text_encoder" | "text_encoder_2";
/** All of them. */
export const LORA_COMPONENTS: readonly LoraComponent[] = ["unet", "text_encoder", "text_encoder_2"];

/** What a tensor of a layer is: down [r, in], up [out, r], or the number by which r divides the strength. */
export type LoraRole = "down" | "up" | "alpha";

/** The meaning of a tensor's name. */
export interface LoraName {
  readonly component: LoraComponent;
  /** The layer; where `isFlat`, with underscores in place of points. */
  readonly layer: string;
  readonly isFlat: boolean;
  readonly role: LoraRole;
}

const ROLES: readonly (readonly [ending: RegExp, role: LoraRole])[] = [
  [/\.lora_A(?:\.[\w-]+)?\.weight$/, "down"],
  [/\.lora_B(?:\.[\w-]+)?\.weight$/, "up"],
  [/(?:\.lora_|[._]lora\.|\.lora_linear_layer\.)down\.weight$/, "down"],
  [/(?:\.lora_|[._]lora\.|\.lora_linear_layer\.)up\.weight$/, "up"],
  [/(?:[._]lora)?\.alpha$/, "alpha"],
];
/** Kinds of changes that are no product of two matrices, by what is in their names. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/dora_scale|lora_magnitude_vector/, "DoRA"],
  [/lora_mid\b/, "LoRA of three matrices"],
  [/\bhada_/, "LoHa"],
  [/\blokr_/, "LoKr"],
  [/\boft_/, "OFT"],
  [/lora_B(?:\.[\w-]+)?\.bias$|lora_up\.bias$/, "LoRA with biases"],
  [/\.diff(?:_b)?$/, "difference of weights"],
];
const FLAT: readonly (readonly [beginning: string, component: LoraComponent])[] = [
  ["lora_unet_", "unet"],
  ["lora_te_", "text_encoder"],
  ["lora_te1_", "text_encoder"],
  ["lora_te2_", "text_encoder_2"],
];
/** Of PEFT's own files, a text encoder's layers are told by their names. */
const TEXT_LAYER = /^(?:text_model|encoder\.layers)\./;
const PREFIXES: readonly (readonly [beginning: string, component: LoraComponent])[] = [
  ["unet.", "unet"],
  ["text_encoder_2.", "text_encoder_2"],
  ["text_encoder.", "text_encoder"],
];

/** @returns the kind of change that is not read; null for a name of no kind that is known */
export function parseLoraName(name: string): LoraName | { readonly other: string | null } {
  const other = OTHERS.find(([pattern]) => pattern.test(name));
  if (other !== undefined) return { other: other[1] };
  const found = ROLES.find(([ending]) => ending.test(name));
  if (found === undefined) return { other: null };
  const [ending, role] = found;
  const stem = name.replace(ending, "").replace(/^base_model\.model\./, "");
  const flat = FLAT.find(([beginning]) => stem.startsWith(beginning));
  if (flat !== undefined) {
    return { component: flat[1], layer: stem.slice(flat[0].length), isFlat: true, role };
  }
  const bare = ["", TEXT_LAYER.test(stem) ? "text_encoder" : "unet"] as const;
  const [beginning, component] = PREFIXES.find(([start]) => stem.startsWith(start)) ?? bare;
  return { component, layer: currentLayer(stem.slice(beginning.length), component), isFlat: false, role };
}

const OLD_ATTENTION: Readonly<Record<string, string>> = {
  to_q: "q_proj",
  to_k: "k_proj",
  to_v: "v_proj",
  to_out: "out_proj",
};

/** The present name of a layer: once, LoRAs named processors of attention. */
function currentLayer(layer: string, component: LoraComponent): string {
  const now = layer.replace(".processor.", ".");
  if (component === "unet") return now.replace(/\.to_out$/, ".to_out.0");
  return now.replace(/\.self_attn\.(to_q|to_k|to_v|to_out)$/, (_, old) => `.self_attn.${OLD_ATTENTION[old]}`);
}
