// The hashes of the elementary functions' results in every runtime, from 10,000 arguments each (math_cases.ts).

export const HASHES: Readonly<Record<string, string>> = {
  atan: "7369f3243899d594",
  atan2: "88e41419db1bc595",
  cbrt: "26c72dcf73dc1143",
  cos: "0ee0f3ec050c77d6",
  exp: "c19ca870ba0aac6b",
  expm1: "b73c1a623dd1ee8a",
  hypot: "417619b4e2888214",
  log: "2f7d9f72f9d7eec5",
  log10: "1144539b2373f245",
  log1p: "520f8beccb3248ce",
  log2: "b26e7c810f32ffad",
  pow: "055437557a865adc",
  sin: "a334abdf65647f06",
  tan: "52e79e71ca81905b",
  tanh: "f76ed0c6a4681121",
};
