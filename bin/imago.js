#!/usr/bin/env node
// The imago command. In a checkout it runs from source on the pinned Node (node_modules/node); from the published
// package it runs the built files on the Node that started it.
import { spawn } from "node:child_process";
import { closeSync, existsSync } from "node:fs";
import module from "node:module";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import { fileURLToPath, pathToFileURL } from "node:url";
import { onNpxGone } from "./parents.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = `${root}src/cli/main.ts`;

onNpxGone(() => process.kill(process.pid, "SIGHUP"));
// Some versions of Node abort at exit if a terminal of their start is gone, unless its descriptor is closed.
const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
process.on("exit", () => {
  for (const descriptor of terminals) if (!isatty(descriptor)) closeSync(descriptor);
});

// Compiled code is kept, by the versions of Node that can: the next start is faster, most of all from source.
if (!existsSync(source)) {
  module.enableCompileCache?.();
  await import(pathToFileURL(`${root}dist/cli/main.js`).href);
} else {
  const pinned = `${root}node_modules/node/bin/node`;
  const node = existsSync(pinned) ? pinned : process.execPath;
  const stripsTypes = node === pinned || Number(process.versions.node.split(".")[0]) >= 23;
  const flags = stripsTypes
    ? ["--disable-warning=ExperimentalWarning"]
    : ["--import", import.meta.resolve("tsx")];
  // The channel closes when this process ends, so that the child never continues alone.
  const stdio = ["inherit", "inherit", "inherit", "ipc"];
  // A launcher of several processes may have left a connection to it, by its number.
  const launcher = Number(process.env.PMI_FD ?? 0);
  if (launcher > 3 && launcher < 1024) {
    while (stdio.length < launcher) stdio.push("ignore");
    stdio.push("inherit");
  }
  const env = { NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache"), ...process.env };
  const child = spawn(node, [...flags, source, ...process.argv.slice(2)], { stdio, env });
  // The child decides how to stop. A terminal's Ctrl-C reaches both processes; the child counts the two as one.
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", ...(process.platform === "win32" ? [] : ["SIGUSR2"])];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  // What started this process may ask the child for something, as the studio does.
  if (process.channel) {
    process.on("message", (message) => child.connected && child.send(message));
    process.on("disconnect", () => child.disconnect());
  }
  child.on("error", (error) => {
    console.error(`imago: cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
