// Elementary functions are those of engine/math/, which have the same bits in every runtime: Math's differ in their last
// bits between engines. So does **, except where it is a literal's exact power.

import ts from "typescript";
import type { Problem, Sources } from "./sources.ts";

const ROOM = "src/engine/math/";
/** The functions whose bits the language leaves open. */
const OPEN = new Set([
  ...["exp", "expm1", "log", "log1p", "log2", "log10", "pow", "cbrt", "hypot"],
  ...["sin", "cos", "tan", "asin", "acos", "atan", "atan2"],
  ...["sinh", "cosh", "tanh", "asinh", "acosh", "atanh"],
]);

export function elementaryFunctions(sources: Sources): Problem[] {
  return sources.files.flatMap((file) => {
    const path = sources.pathOf(file);
    if (!path.startsWith("src/") || path.startsWith(ROOM)) return [];
    const problems: Problem[] = [];
    const add = (node: ts.Node): void => {
      const line = file.getLineAndCharacterOfPosition(node.getStart()).line + 1;
      const problem = `line ${line} uses ${node.getText()}, whose bits depend on the runtime; take it from ${ROOM}`;
      problems.push({ file: file.fileName, problem });
    };
    const visit = (node: ts.Node): void => {
      if (isOpen(node)) add(node);
      ts.forEachChild(node, visit);
    };
    visit(file);
    return problems;
  });
}

function isOpen(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) {
    return isMath(node.expression) && OPEN.has(node.name.text);
  }
  if (ts.isElementAccessExpression(node)) return isMath(node.expression);
  // const { exp } = Math
  if (ts.isVariableDeclaration(node) && node.initializer !== undefined && isMath(node.initializer)) {
    if (!ts.isObjectBindingPattern(node.name)) return true;
    return node.name.elements.some(({ propertyName, name }) => OPEN.has((propertyName ?? name).getText()));
  }
  if (!ts.isBinaryExpression(node)) return false;
  const { left, operatorToken, right } = node;
  if (operatorToken.kind === ts.SyntaxKind.AsteriskAsteriskEqualsToken) return true;
  return operatorToken.kind === ts.SyntaxKind.AsteriskAsteriskToken && !isExact(left, right);
}

const isMath = (node: ts.Node): boolean => ts.isIdentifier(node) && node.text === "Math";

/** Integers of any length, powers of two, and what an integer of 53 bits holds. */
function isExact(left: ts.Node, right: ts.Node): boolean {
  if (ts.isBigIntLiteral(left)) return true;
  const [base, power] = [numberIn(left), numberIn(right)];
  if (base === undefined || power === undefined || !Number.isInteger(power)) return false;
  return base === 2 || (power >= 0 && Number.isSafeInteger(base ** power));
}

function numberIn(node: ts.Node): number | undefined {
  if (ts.isNumericLiteral(node)) return Number(node.text);
  const isNegative = ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.MinusToken;
  const size = isNegative ? numberIn(node.operand) : undefined;
  return size === undefined ? undefined : -size;
}
