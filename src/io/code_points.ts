// The string order of Python and of Rust: by code point. JavaScript's own compares UTF-16 units,
// which differs where characters beyond U+FFFF meet those of U+E000 to U+FFFF.

/** For `Array.prototype.sort`: negative if `a` comes first, positive if `b` does, 0 if they are equal. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return unitRank(a.charCodeAt(i)) - unitRank(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** Moves the surrogates (halves of the characters beyond U+FFFF) behind every other UTF-16 unit. */
function unitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
