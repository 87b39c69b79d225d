// The imago command, with the arguments of this script.

import "../../../src/cli/main.ts";
