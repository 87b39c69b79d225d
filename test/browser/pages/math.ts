// A page that computes elementary functions.

export { hashes } from "../../engine/math_cases.ts";
