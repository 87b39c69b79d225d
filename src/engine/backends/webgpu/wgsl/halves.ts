// 16-bit floats in WGSL, two in a word. They are rounded by whole numbers, to nearest and ties to even: the function of
// WGSL may round either way, and leaves open what becomes of numbers that are too large.

/** Definitions for texts that use them. */
export const halvesFor = (code: string): string => (code.includes("imago_pair(") ? PAIR : "");

const PAIR = `
fn imago_pair(x: vec2<f32>) -> u32 {
  let bits = bitcast<vec2<u32>>(x);
  let size = bits & vec2<u32>(0x7fffffffu);
  let normal = (size - 0x38000000u + 0xfffu + ((size >> vec2<u32>(13u)) & vec2<u32>(1u))) >> vec2<u32>(13u);
  // Below 2^-14 the spacing is that of the floats from 0.5 on.
  let small = bitcast<vec2<u32>>(bitcast<vec2<f32>>(size) + 0.5f) - 0x3f000000u;
  let finite = select(normal, small, size < vec2<u32>(0x38800000u));
  let known = select(finite, vec2<u32>(0x7c00u), size >= vec2<u32>(0x47800000u));
  let half = select(known, vec2<u32>(0x7e00u), size > vec2<u32>(0x7f800000u)) | ((bits >> vec2<u32>(16u)) & vec2<u32>(0x8000u));
  return half.x | (half.y << 16u);
}
`;

/** The four of words, and one of a word by its index. */
export const fourOf = (words: string): string =>
  `vec4<f32>(unpack2x16float(${words}.x), unpack2x16float(${words}.y))`;
export const oneOf = (word: string, index: string): string => `unpack2x16float(${word})[(${index}) & 1u]`;

/** A four as words. */
export const wordsOf = (four: string): string => `vec2<u32>(imago_pair(${four}.xy), imago_pair(${four}.zw))`;

/** A float as a 16-bit one, in shaders that have them. */
export const halfOf = (one: string): string => `bitcast<vec2<f16>>(imago_pair(vec2<f32>(${one}, 0.0f))).x`;
