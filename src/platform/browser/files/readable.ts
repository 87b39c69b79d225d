// Files and folders that can be read, wherever they are.

/** A file that can be read. */
export interface ReadableFile {
  readonly kind: "file";
  /** Its content at present. */
  getFile(): Promise<File>;
}

/** A folder that can be read. */
export interface ReadableFolder {
  readonly kind: "directory";
  entries(): AsyncIterable<readonly [name: string, entry: { readonly kind: "file" | "directory" }]>;
  child(name: string): Promise<Readable | undefined>;
}

export type Readable = ReadableFile | ReadableFolder;
