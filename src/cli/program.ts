// The imago command and its subcommands. Each subcommand's options and work are in its folder.

import { Command, CommanderError } from "commander";
import { VERSION } from "../version.ts";
import { addBench } from "./bench/options.ts";
import { addData } from "./data/options.ts";
import { UsageError } from "./errors.ts";
import { addEval } from "./eval/options.ts";
import { addPush } from "./push/options.ts";
import { addSample } from "./sample/options.ts";
import { addStudio } from "./studio/options.ts";
import { addTrain } from "./train/options.ts";
import { imagoCommand } from "./wording.ts";

/**
 * Runs the command.
 * @param args the arguments after `imago`
 * @throws UsageError when the command is wrong, other errors when the work fails
 */
export async function runCommand(args: readonly string[]): Promise<void> {
  try {
    await createProgram().parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return;
    throw new UsageError(usageLine(error, args));
  }
}

/** The command with its subcommands and options. */
export function createProgram(): Command {
  const program = new Command("imago")
    .description("Trains diffusion models on your own images and draws new ones from them.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .showSuggestionAfterError(true)
    .helpCommand("help [command]", "the same as --help");
  addTrain(program);
  addSample(program);
  addPush(program);
  addEval(program);
  addBench(program);
  addData(program);
  addStudio(program);
  return program;
}

/** Commander's message as one line in our form. */
function usageLine(error: CommanderError, args: readonly string[]): string {
  if (error.code === "commander.help") {
    return args.length === 0
      ? `no command given; ${imagoCommand("--help")} lists them, ${imagoCommand("train")} makes a start`
      : `${args.join(" ")}: which part of it? ${imagoCommand(...args, "--help")} lists them`;
  }
  return error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
}
