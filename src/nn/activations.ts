// Activation functions by diffusers' names.

import { full, type Tensor } from "../engine/tensor.ts";

/** A function of each element. */
export type Activation = (x: Tensor) => Tensor;

/** x · sigmoid(x), also called swish. */
export const silu: Activation = (x) => x.mul(x.sigmoid());

/** x · tanh(ln(1 + eˣ)). Above 20 the logarithm equals x in float32, and eˣ must not overflow. */
const mish: Activation = (x) => {
  const softplus = x.minimum(20).exp().add(1).log().add(x.sub(20).maximum(0));
  return x.mul(softplus.tanh());
};

/** x · Φ(x), exact (by erf). */
export const gelu: Activation = (x) => x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5);

/** x · Φ(x), with Φ approximated by tanh (Hendrycks & Gimpel 2016, arXiv 1606.08415). */
const geluTanh: Activation = (x) => {
  const cubic = x.add(x.mul(x).mul(x).mul(0.044715));
  return x
    .mul(
      cubic
        .mul(Math.sqrt(2 / Math.PI))
        .tanh()
        .add(1),
    )
    .mul(0.5);
};

/** x · sigmoid(1.702 x), CLIP's approximation of x · Φ(x). */
const quickGelu: Activation = (x) => x.mul(x.mul(1.702).sigmoid());

/** max(0, x), with gradient 0 at 0. */
export const relu: Activation = (x) => full(0, []).maximum(x);

/** The possible names in a config's act_fn. */
export const activationNames = ["silu", "swish", "mish", "gelu", "relu"] as const;
/** The possible names in a transformer's hidden_act. */
export const hiddenActivationNames = ["quick_gelu", "gelu", "gelu_new", "gelu_pytorch_tanh"] as const;
/** The name of an activation in diffusers or transformers. @useDeclaredType */
export type ActivationName = (typeof activationNames | typeof hiddenActivationNames)[number];

const byName: Readonly<Record<ActivationName, Activation>> = {
  silu,
  swish: silu,
  mish,
  gelu,
  relu,
  quick_gelu: quickGelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
};

/** An activation by its name. */
export const activation = (name: ActivationName): Activation => byName[name];
