// What the site has that TypeDoc does not give: pages by their titles, a way back to the studio, and no scripts inside of
// pages, which the studio's Content-Security-Policy refuses.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Application,
  Converter,
  DocumentReflection,
  KindRouter,
  PageEvent,
  type Reflection,
  RendererEvent,
} from "typedoc";

export function load(app: Application): void {
  nameByTitle(app);
  putFirst(app);
  moveScripts(app);
  leaveUnsaid(app);
}

/** Pages are named by their headings; their addresses keep the names of their files. */
function nameByTitle(app: Application): void {
  const files = new Map<unknown, string>();
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    files.set(document, document.name.slice(document.name.lastIndexOf("/") + 1));
    const text = document.content.map((part) => part.text).join("");
    document.name = /^# (.+)$/m.exec(text)?.[1] ?? document.name;
  });
  app.renderer.defineRouter(
    "pages",
    class extends KindRouter {
      protected override getIdealBaseName(target: Reflection): string {
        const file = target instanceof DocumentReflection ? files.get(target) : undefined;
        return file === undefined ? super.getIdealBaseName(target) : `pages/${file.toLowerCase()}`;
      }
    },
  );
}

/** The entry that most people import, before those whose symbols it gives on. */
function putFirst({ converter }: Application): void {
  converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const list of [project.children, project.childrenIncludingDocuments]) {
      const at = list?.findIndex(({ name }) => name === "imago") ?? -1;
      const before = list?.findIndex((child) => child.isDeclaration()) ?? -1;
      if (at > before) list?.splice(before, 0, ...list.splice(at, 1));
    }
  });
}

/** Shows a page in the colours that its reader chose, and only once it has them. */
const FIRST = /<script>(document\.documentElement\.dataset\.theme.*?)<\/script>/;
const LINKS = '<div id="tsd-toolbar-links">';

function moveScripts({ renderer }: Application): void {
  let first: string | undefined;
  renderer.on(PageEvent.END, (page) => {
    if (page.contents === undefined || !page.url.endsWith(".html")) return;
    const [whole, script] = FIRST.exec(page.contents) ?? [];
    if (whole === undefined || !page.contents.includes(LINKS)) {
      throw new Error(`${page.url} is not as expected: TypeDoc has changed its pages`);
    }
    first = script;
    const root = "../".repeat(page.url.split("/").length - 1);
    page.contents = page.contents
      .replace(whole, `<script src="${root}assets/first.js"></script>`)
      .replace(LINKS, `${LINKS}<a href="${root}../index.html">Studio</a>`);
  });
  renderer.on(RendererEvent.END, ({ outputDirectory }) => {
    if (first !== undefined) writeFileSync(join(outputDirectory, "assets", "first.js"), first);
  });
}

/** Said of options whose type is inferred from a schema: they have one declaration, which is seen twice. */
const SEEN_TWICE = /has multiple declarations with a comment/;
/** Members of types without a name are described where the type is used; an error's name is that of its class. */
const NEEDS_NONE = /(?:\.__type\..*|Error\.name \(Property\).*) does not have any documentation/;

function leaveUnsaid({ logger }: Application): void {
  for (const [kind, left] of [
    ["warn", SEEN_TWICE],
    ["validationWarning", NEEDS_NONE],
  ] as const) {
    const say = logger[kind].bind(logger);
    logger[kind] = (text: string, ...where: readonly unknown[]) => {
      if (!left.test(text)) Reflect.apply(say, logger, [text, ...where]);
    };
  }
}
