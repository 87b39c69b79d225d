#!/usr/bin/env node
// The imago command. In a checkout it runs from source on the pinned Node (node_modules/node);
// from the published package it runs the built files on whatever Node started it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = `${root}src/cli/main.ts`;

if (!existsSync(source)) {
  await import(pathToFileURL(`${root}dist/cli/main.js`).href);
} else {
  const pinned = `${root}node_modules/node/bin/node`;
  const node = existsSync(pinned) ? pinned : process.execPath;
  const stripsTypes = node === pinned || Number(process.versions.node.split(".")[0]) >= 23;
  const flags = stripsTypes ? [] : ["--import", import.meta.resolve("tsx")];
  const child = spawn(node, [...flags, source, ...process.argv.slice(2)], { stdio: "inherit" });
  // The terminal sends Ctrl-C to the whole process group; the child decides how to stop and we report its code.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => signal !== "SIGINT" && child.kill(signal));
  }
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}
