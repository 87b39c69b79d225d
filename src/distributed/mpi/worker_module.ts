// Where the module of the thread that calls MPI is. In a bundle its text takes this file's place (tools/build/thread_text.ts).

/** The module's address, or its text. */
export const mpiModule: URL | string = new URL("./worker.ts", import.meta.url);
