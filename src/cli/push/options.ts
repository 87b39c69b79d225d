// The options of imago push.

import type { Command } from "commander";
import { COMMON } from "../common_flags.ts";
import { license, nonEmpty } from "../parsers.ts";
import { push } from "./push.ts";

/** Adds the command. */
export function addPush(program: Command): void {
  program
    .command("push")
    .description("upload a run's model to the Hugging Face Hub, with a card that says how it was made")
    .argument("<run>", "the run's folder")
    .argument("<repository>", "hf:OWNER/NAME; it is made if there is none")
    .option("--private", "let nobody else see a repository that is made")
    .option("--message <text>", "what the commit is called", nonEmpty("--message"))
    .option(
      "--license <name>",
      "for the card, such as apache-2.0 (default: none is named)",
      license("--license"),
    )
    .option("--force", "replace a README.md that was written by hand")
    .option("--dry-run [folder]", "upload nothing; show the card, or write all files into a folder")
    .option(...COMMON.json)
    .allowExcessArguments(false)
    .action(push);
}
