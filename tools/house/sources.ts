// The project's TypeScript, parsed: its files, and what each imports from the others.

import { relative, sep } from "node:path";
import ts from "typescript";

export interface Import {
  /** The text of the import's specifier. */
  readonly specifier: string;
  /** The imported file; undefined for packages and Node's modules. */
  readonly target: ts.SourceFile | undefined;
  /** Only types are imported. */
  readonly typeOnly: boolean;
  /** The imported names; "*" for all of them. */
  readonly names: readonly string[];
}

export interface Sources {
  readonly root: string;
  readonly program: ts.Program;
  /** All files of the project, including tests and tools. */
  readonly files: readonly ts.SourceFile[];
  importsOf(file: ts.SourceFile): readonly Import[];
  /** Path from the root, with slashes. */
  pathOf(file: ts.SourceFile): string;
}

/** A violation of the rules. */
export interface Problem {
  readonly file: string;
  readonly problem: string;
}

export function readSources(root: string): Sources {
  const { options, fileNames } = readConfig(`${root}/tsconfig.json`);
  // The browser's side, and its tests, are in configurations of their own.
  const others = ["portable", "browser", "studio"].flatMap(
    (name) => readConfig(`${root}/tsconfig.${name}.json`).fileNames,
  );
  const program = ts.createProgram([...new Set([...fileNames, ...others])], options);
  // Binding sets the nodes' parents.
  program.getTypeChecker();
  const files = program.getSourceFiles().filter(({ fileName }) => !fileName.includes("/node_modules/"));
  const imports = new Map(files.map((file) => [file, readImports(program, file)]));
  return {
    root,
    program,
    files,
    importsOf: (file) => imports.get(file) ?? [],
    pathOf: ({ fileName }) => relative(root, fileName).split(sep).join("/"),
  };
}

function readConfig(path: string): ts.ParsedCommandLine {
  const config = ts.getParsedCommandLineOfConfigFile(path, undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
      throw new Error(ts.flattenDiagnosticMessageText(messageText, " "));
    },
  });
  if (config === undefined) throw new Error(`${path} cannot be read`);
  return config;
}

function readImports(program: ts.Program, file: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean, names: readonly string[]): void => {
    const { resolvedModule } = ts.resolveModuleName(
      specifier,
      file.fileName,
      program.getCompilerOptions(),
      ts.sys,
    );
    const target = resolvedModule && program.getSourceFile(resolvedModule.resolvedFileName);
    found.push({
      specifier,
      target: target?.fileName.includes("/node_modules/") ? undefined : target,
      typeOnly,
      names,
    });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const { importClause: clause, moduleSpecifier } = node;
      const bindings = clause?.namedBindings;
      const named = bindings && ts.isNamedImports(bindings) ? bindings.elements : undefined;
      const typeOnly =
        clause?.isTypeOnly === true ||
        (named !== undefined &&
          named.length > 0 &&
          clause?.name === undefined &&
          named.every((one) => one.isTypeOnly));
      const names = named ? named.map(({ propertyName, name }) => (propertyName ?? name).text) : [];
      if (bindings && ts.isNamespaceImport(bindings)) names.push(...accessed(file, bindings.name.text));
      if (clause?.name) names.push("default");
      add(moduleSpecifier.text, typeOnly, names);
    } else if (
      ts.isExportDeclaration(node) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    ) {
      const { exportClause: clause, moduleSpecifier, isTypeOnly } = node;
      const names =
        clause && ts.isNamedExports(clause)
          ? clause.elements.map(({ propertyName, name }) => (propertyName ?? name).text)
          : ["*"];
      add(moduleSpecifier.text, isTypeOnly, names);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier && ts.isStringLiteral(specifier)) add(specifier.text, false, ["*"]);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      const { literal } = node.argument;
      if (ts.isStringLiteral(literal)) add(literal.text, true, ["*"]);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** The members that a file uses of a namespace import. */
function accessed(file: ts.SourceFile, namespace: string): string[] {
  const names = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (
      ts.isPropertyAccessExpression(node) &&
      ts.isIdentifier(node.expression) &&
      node.expression.text === namespace
    ) {
      names.add(node.name.text);
    } else if (ts.isQualifiedName(node) && ts.isIdentifier(node.left) && node.left.text === namespace) {
      names.add(node.right.text);
    } else if (
      ts.isIdentifier(node) &&
      node.text === namespace &&
      !ts.isPropertyAccessExpression(node.parent)
    ) {
      if (!ts.isNamespaceImport(node.parent) && !ts.isQualifiedName(node.parent)) names.add("*");
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return [...names];
}
