// The documentation as a site, by TypeDoc: the README, the pages of docs/ and the reference of all public entries, in
// dist/studio/docs. It needs no server and no other host. A public symbol without a docstring, and a link that leads
// nowhere, end the build.

import { fileURLToPath } from "node:url";
import type { TypeDocOptions } from "typedoc";
import { ENTRIES } from "../house/public_symbols.ts";

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** In the order in which one reads. */
const PAGES = [
  ...[
    "studio",
    "data",
    "training",
    "samplers",
    "classes",
    "stable-diffusion",
    "quality",
    "hub",
    "browser",
    "gpu",
    "distributed",
  ],
  ...["performance", "equal-time", "adaptive-noise", "reliability", "architecture"],
].map((page) => `docs/${page}.md`);

/** What is used of markdown-it, which has no types of its own. */
interface Markdown {
  readonly core: { readonly ruler: { push(name: string, rule: (state: Parsed) => void): void } };
}
interface Parsed {
  readonly tokens: { readonly type: string; info: string }[];
}

export default {
  name: "Imago",
  // The rooms come first: what they have, "imago" has from them.
  entryPoints: ENTRIES.map(at),
  sortEntryPoints: false,
  // Both sides: what only browsers have, too.
  tsconfig: at("tsconfig.portable.json"),
  basePath: at("."),
  out: at("dist/studio/docs"),
  router: "pages",
  readme: at("README.md"),
  projectDocuments: [...PAGES, "CONTRIBUTING.md"].map(at),
  plugin: [at("tools/docs/plugin.ts")],
  customCss: at("tools/docs/style.css"),
  favicon: at("studio/public/icon.svg"),
  highlightLanguages: ["ts", "js", "html", "json", "sh", "python", "csv"],
  ignoredHighlightLanguages: ["text"],
  markdownItLoader(parser: Markdown) {
    parser.core.ruler.push("commands", ({ tokens }) => {
      // A block that names no language has commands for a shell.
      for (const token of tokens) if (token.type === "fence" && token.info === "") token.info = "sh";
    });
  },
  disableSources: true,
  hideGenerator: true,
  includeHierarchySummary: false,
  // File names such as pipeline.py are no addresses.
  markdownItOptions: { html: true, linkify: false },
  excludeProtected: true,
  excludeExternals: true,
  // What an entry only gives on is described once, where it is at home.
  excludeReferences: true,
  headings: { readme: false, document: false },
  navigation: { includeCategories: false, includeGroups: false, includeFolders: false },
  searchInComments: true,
  searchInDocuments: true,
  searchGroupBoosts: { Documents: 12 },
  requiredToBeDocumented: [
    ...(["Class", "Interface", "Function", "TypeAlias", "Variable"] as const),
    ...(["Method", "Accessor", "Property"] as const),
  ],
  // The graph under a tensor is the engine's own.
  intentionallyNotExported: ["src/engine/graph.ts:Node", "src/engine/graph.ts:Op"],
  validation: { notExported: true, invalidLink: true, invalidPath: true, notDocumented: true },
  treatValidationWarningsAsErrors: true,
  logLevel: "Warn",
} satisfies Partial<TypeDocOptions>;
