// Opens an address in the user's browser, where there is a desktop.

import { spawn } from "node:child_process";
import { platform } from "node:os";

/** Does nothing where there is no desktop or no browser: the address was printed. */
export async function openInBrowser(address: string): Promise<void> {
  const [command, ...args] = openerOf(address) ?? [];
  if (command === undefined) return;
  const child = spawn(command, args, { stdio: "ignore", detached: true });
  child.on("error", () => undefined);
  child.unref();
}

function openerOf(address: string): readonly string[] | undefined {
  switch (platform()) {
    case "darwin":
      return ["open", address];
    case "win32":
      return ["rundll32", "url.dll,FileProtocolHandler", address];
    default: {
      const { DISPLAY, WAYLAND_DISPLAY } = process.env;
      return DISPLAY || WAYLAND_DISPLAY ? ["xdg-open", address] : undefined;
    }
  }
}
