// Where the module of the worker that writes files is. In a bundle its text takes this file's place
// (tools/build/thread_text.ts).

/** The module's address, or its text. */
export const inPlaceModule: URL | string = new URL("./in_place_worker.ts", import.meta.url);
