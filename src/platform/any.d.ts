// "#platform" and "#platform/thread", whichever they are: what tsconfig.portable.json checks the code above against.

import type * as platform from "./platform.ts";

export declare const archives: platform.Archives;
export declare const compression: platform.Compression;
export declare const files: platform.Files;
export declare const hashing: platform.Hashing;
export declare const images: platform.Images;
export declare const machine: platform.Machine;
export declare const paths: platform.Paths;
export declare const processes: platform.Processes;
export declare const tables: platform.Tables;
export declare const thread: platform.ThreadScope;
export declare const threads: platform.Threads;
export declare const timing: platform.Timing;
