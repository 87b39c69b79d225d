// The differences between Node and a browser, and nothing more, as types. Code imports "#platform", which exports one
// value for each group here; package.json maps it to a module. Whatever is asynchronous in a browser is a promise.
//
// Errors of the system have the system's `code`, named as in Node ("ENOENT", "ENOSPC", ...); errors.ts explains them.

import type { ForeignCalls } from "./native.ts";

/** Properties of a file or folder; links are followed. */
export interface FileInfo {
  /** Bytes. */
  readonly size: number;
  /** Time of the last change (milliseconds since 1970). */
  readonly mtimeMs: number;
  readonly isFile: boolean;
  readonly isFolder: boolean;
}

/** One entry of a folder. */
export interface FolderEntry {
  /** Its name in its folder. */
  readonly name: string;
  /** Links are not followed. */
  readonly kind: "file" | "folder" | "link";
}

/** A file open for reading. */
export interface OpenFile {
  /** Bytes. */
  size(): Promise<number>;
  /**
   * Bytes `position` .. `position + length`, in a new buffer.
   * @throws FileError if the file is too short, or there is not enough memory
   */
  read(position: number, length: number): Promise<ArrayBuffer>;
  /** Reads into `bytes`, starting at `position`. @returns how many there were, 0 at the file's end */
  readInto(bytes: Uint8Array, position: number): Promise<number>;
  readAll(): Promise<Uint8Array>;
  /** The whole file in pieces; also works for pipes, whose size is not known. */
  pieces(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Receives a file's content, one piece after another. */
export interface FileSink {
  write(content: Uint8Array | string): Promise<void>;
}

/** A file open for reading and appending. */
export interface AppendFile extends OpenFile, FileSink {
  truncate(size: number): Promise<void>;
  /** Returns when everything is on the disk. */
  sync(): Promise<void>;
}

/**
 * A file with synchronous reads and writes, for each training step. A page of a browser holds it in memory and writes it
 * right behind; the next call throws if that failed.
 */
export interface SyncFile {
  /** @returns the number of bytes read, which may be smaller at the file's end */
  read(bytes: Uint8Array, position: number): number;
  /** @returns the number of bytes written, which may be smaller */
  write(bytes: Uint8Array, position: number): number;
  truncate(size: number): void;
  /** Resolves when everything is on the disk. */
  sync(): Promise<void>;
  /** Resolves when everything has been handed to the system. */
  close(): Promise<void>;
}

/** Writes the content of a new file, from the start. */
export type FileWriter = (file: FileSink) => Promise<void>;

/**
 * Called right before anything is created under its final name, replaced or removed; if it throws, the work ends and
 * everything stays as it was. For folders that another process may remove meanwhile.
 */
export type Permit = () => void;

/** In milliseconds. */
export interface LockTiming {
  /** How long to wait for a process that holds the lock: one that is about to end may take a moment. */
  readonly patience: number;
  /** How often the holder touches the lock. */
  readonly touch: number;
  /** How long an untouched lock counts as held if its process cannot be checked. */
  readonly fresh: number;
}

/** Lets one process at a time work in a folder. A process that ended, even by a crash, holds nothing. */
export interface FolderLock {
  /**
   * Takes the lock; creates the folder if it is missing.
   * @param onWatch called once if it takes a while to see whether another process holds the lock
   * @returns undefined; or, if another process holds it, which one ("process 12 on HOST"), as far as known
   * @throws FileError when it cannot be written
   */
  acquire(onWatch?: () => void): Promise<{ readonly holder: string | undefined } | undefined>;
  /**
   * Takes some microseconds.
   * @returns undefined while the lock is held; otherwise whether the folder was removed or moved, another process has
   * its lock, or the lock is missing
   * @throws FileError when it cannot be checked
   */
  loss(): "removed" | "taken" | "missing" | undefined;
  /** Releases the lock, if it was taken and is still in the folder. */
  release(): Promise<void>;
}

export interface Files {
  exists(path: string): Promise<boolean>;
  stat(path: string): Promise<FileInfo>;
  /** The path without links: unique for each file or folder. */
  realPath(path: string): Promise<string>;
  /** Rejects unless the folder can be listed and its files read. */
  checkFolderReadable(path: string): Promise<void>;
  /** Names of a folder's entries. */
  list(folder: string): Promise<string[]>;
  entries(folder: string): Promise<FolderEntry[]>;
  readText(path: string): Promise<string>;
  /** The lines of a text, without line ends, as they are read. */
  lines(path: string): AsyncIterable<string>;
  open(path: string): Promise<OpenFile>;
  /** Opens a file for appending; creates it if it is missing. @param makesFolders also create missing folders */
  openToAppend(path: string, makesFolders?: boolean): Promise<AppendFile>;
  /** Opens an existing file. @param mode "r+": for writing, too */
  openSync(path: string, mode: "r" | "r+"): Promise<SyncFile>;
  /** Renames a file or a folder on the same disk, atomically; a file with the new name is replaced. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; does nothing if there is none. */
  remove(path: string): Promise<void>;
  /** Removes a file, or a folder and its contents; does nothing if there is none. */
  removeAll(path: string): Promise<void>;
  /** Starts to remove a file; on Node it is gone on return. */
  removeSoon(path: string): void;
  /** Creates a folder and missing parents. @throws FileError, in one line */
  makeFolder(path: string): Promise<void>;
  /**
   * Writes a file so that readers see the old content or the new, never a mixture. Missing parent folders are created.
   * @throws FileError, in one line, when the disk is full, permission is missing, ...
   */
  writeFileAtomic(path: string, content: string | Uint8Array | FileWriter, permit?: Permit): Promise<void>;
  /**
   * Creates or replaces a whole folder: `fill` writes everything into an empty folder beside it, which then takes its
   * place. If `fill` fails, `path` stays as it was. After a crash, `repairFolder` completes the replacement and
   * `replacementOf` finds it.
   * @throws FileError, in one line, when the disk is full, permission is missing, `path` is a file, ...
   */
  replaceDirAtomic(path: string, fill: (folder: string) => Promise<void>, permit?: Permit): Promise<void>;
  /** Removes a folder so that a crash leaves no part of it under its name. @throws FileError */
  removeFolder(path: string, permit?: Permit): Promise<void>;
  /**
   * Completes or removes what killed processes left half written in a folder. Nobody else may write there meanwhile.
   * @throws FileError, in one line; a missing folder counts as clean
   */
  repairFolder(folder: string): Promise<void>;
  /** The content of a folder whose replacement a crash interrupted; undefined if there was no such crash. */
  replacementOf(path: string): Promise<string | undefined>;
  /** Whether a name is that of something half written, which `repairFolder` would rename or remove. */
  isLeftover(name: string): boolean;
  /** @param file the lock's name in the folder */
  lockOf(folder: string, file: string, timing?: Partial<LockTiming>): FolderLock;
  /** Free bytes on the disk of a folder, which need not exist yet. */
  freeBytes(folder: string): Promise<number>;
  /**
   * Gives a file a second name, creating its folder if it is missing: a link, or a copy if links are not supported.
   * @param mayMove without links, the file may lose its first name
   */
  addName(file: string, second: string, mayMove: boolean): Promise<void>;
  /** A file's content as a request body, read while it is sent. */
  contentToSend(path: string): Promise<Blob | URL>;
}

/** Paths in the system's notation. */
export interface Paths {
  join(...parts: string[]): string;
  /** Absolute. */
  resolve(...parts: string[]): string;
  dirname(path: string): string;
  basename(path: string): string;
  /** Includes the dot; "" if there is none. */
  extname(path: string): string;
  isAbsolute(path: string): boolean;
  /** The relative path from a folder to something in it, with "/" on every system. */
  inside(folder: string, path: string): string;
  /** The user's home folder. */
  home(): string;
  /** The folder for temporary files. */
  temporary(): string;
}

/** An image in memory, and properties of its file. */
export interface DecodedImage {
  /** 8 bits a channel, [height, width, channels], row by row from the top. */
  readonly data: Uint8Array;
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Of the pixels: gray; RGB; RGB and alpha, which is not multiplied into the colours. */
  readonly channels: 1 | 3 | 4;
  /** "jpeg", "png", ... according to the bytes. */
  readonly format: string;
  /** The file's channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha, or CMYK. */
  readonly fileChannels: number;
}

/** Pixels to encode. */
export type RasterImage = Pick<DecodedImage, "data" | "width" | "height" | "channels">;

export type EncodedFormat = "png" | "jpeg" | "webp";

export interface Images {
  /** Name and version of the decoder: another version may round a pixel differently. */
  decoder(): Promise<string>;
  /**
   * Decodes an image file (the first image of several) to 8-bit sRGB, and applies the EXIF orientation. Files with gray
   * and alpha become RGB and alpha.
   * @param formats accepted formats, named as in `format`
   * @param maxPixels images with more are refused
   * @throws Error whose message says in a few words what is wrong: NO_IMAGE (errors.ts) if the bytes are not an image
   */
  decode(bytes: Uint8Array, formats: ReadonlySet<string>, maxPixels: number): Promise<DecodedImage>;
  /**
   * The channels of an image file, by its header: as `fileChannels`, or more where that is not sure.
   * @throws Error if the bytes are not an image
   */
  channels(bytes: Uint8Array): Promise<number>;
  /** @param image of the right length; JPEG files have no alpha. @returns the bytes of the file */
  encode(image: RasterImage, format: EncodedFormat): Promise<Uint8Array>;
  /**
   * Encodes an animation that repeats for ever.
   * @param frames one below the other, of the right length
   * @param delays how long each frame is shown, milliseconds
   * @throws Error in words where the format is not written
   */
  encodeAnimation(
    frames: RasterImage,
    delays: readonly number[],
    format: "webp" | "webp lossless" | "gif",
  ): Promise<Uint8Array>;
  /** Renders the text of an SVG file as a PNG, `scale` times as large. @returns the bytes of the file */
  svgToPng(svg: string, scale: number): Promise<Uint8Array>;
}

/** Hashes bytes piece by piece; text is taken as UTF-8. */
export interface Hasher {
  update(data: Uint8Array | string): Hasher;
  /** In hexadecimal; may be called only once. */
  digest(): string;
}

export interface Hashing {
  hasher(algorithm: "sha256" | "sha1"): Hasher;
  /** In hexadecimal. */
  sha256(data: Uint8Array | string): string;
  /** Cryptographically secure random bytes, in hexadecimal. */
  randomHex(bytes: number): string;
}

export interface Compression {
  /** The CRC-32 of zip and PNG. @param before of what goes before the data. Default: nothing */
  crc32(data: Uint8Array, before?: number): number;
  /** Unpacks raw deflate. Rejects if the data are damaged, or would unpack to more than `most` bytes. */
  inflateRaw(data: Uint8Array, most: number): Promise<Uint8Array>;
  /** @throws if the data are damaged, or would unpack to more than `most` bytes */
  gunzip(data: Uint8Array, most: number): Uint8Array;
  /** @throws if the data are damaged, or would unpack to more than `most` bytes */
  brotli(data: Uint8Array, most: number): Uint8Array;
}

/** A zip directory's entry for a file, not checked yet. */
export interface ZipDirectoryEntry {
  readonly name: string;
  /** Offset of its local header. */
  readonly offset: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly crc32: number;
  /** 0: stored; 8: deflated. */
  readonly method: number;
  readonly isEncrypted: boolean;
}

export interface Archives {
  /**
   * Reads the directory of a zip archive (zip64, names of every encoding). Names are relative and stay inside.
   * @param read reads bytes of the archive, which is `size` bytes long
   * @throws Error that says what is wrong with the archive, also during iteration
   */
  zipDirectory(
    read: (position: number, length: number) => Promise<Uint8Array>,
    size: number,
  ): Promise<{ readonly count: number; readonly entries: AsyncIterable<ZipDirectoryEntry> }>;
}

export interface Tables {
  /**
   * The rows of comma-separated text, all as long as the first; empty lines are skipped.
   * @param maxRecordBytes longer rows are refused
   * @throws Error that says what is wrong, and where
   */
  csvRows(text: string, maxRecordBytes: number): Promise<string[][]>;
}

export interface Machine {
  /** Number of threads of this process that run at the same time. */
  cores(): number;
  /** The same for all processes of the machine together: a launcher may bind a process to some processors. */
  allCores(): number;
  /** Bytes. */
  memory(): number;
  /** Whether threads can share memory. Pages must be cross-origin isolated for it. */
  sharesMemory(): boolean;
  /**
   * Whether requests belong to an origin, as those of pages do: the servers of others must allow them, and are asked
   * first about unusual headers.
   */
  readonly hasOrigin: boolean;
  hostName(): string;
  /** Name and version of the runtime: "node/26.10.0". */
  readonly runtime: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Tells the engine to fuse pairs of WebAssembly vectors into wider instructions, with the same arithmetic in each
   * lane.
   * @returns whether it will, from now on
   */
  widenVectors(): boolean;
  /** Gives the system what the process has freed, after much of it; the runtime may keep it otherwise. */
  returnFreedMemory(): void;
  /** Warns the user of the program, unless the program handles warnings itself. */
  warn(message: string): void;
  /**
   * Calls back when the process exits by itself, for work that takes no time.
   * @param last takes the exit code and returns the one that shall hold
   * @returns what ends that
   */
  onExit(last: (code: number) => number): () => void;
}

/** The machine's GPUs, by WebGPU. */
export interface Gpus {
  /** Why there is certainly none, as far as can be seen without loading anything. */
  missing(): Promise<string | undefined>;
  /**
   * WebGPU's entry point. It must be kept as long as a device that came from it.
   * @throws Error in one line that says how to get it, where there is none
   */
  open(): Promise<GPU>;
}

/** Processes of this machine; in a browser, its pages. */
export interface Processes {
  /** A mark for the temporary names of what this process is making: letters, digits and "-". */
  mark(): Promise<string>;
  /**
   * The state of the process that has a mark. `gone` is certain; `unknown` means another machine, another container,
   * an earlier boot, or text that is not a mark.
   */
  stateOf(mark: string): Promise<ProcessState>;
  /**
   * Starts a small helper that writes a line to stderr when this process ends, even by SIGKILL, unless it is killed first. It is
   * in this process's group.
   * @param name how the line begins; it ends with what ended the process
   * @param held file descriptors that it keeps open, beside output: who waits for their end learns of this process's after the line
   */
  guard(name: string, held: readonly number[]): ProcessGuard;
  /** Whether a file descriptor of this process is an open socket. */
  isSocket(descriptor: number): boolean;
}

export interface ProcessGuard {
  /** The helper's process id; undefined if there is none. */
  readonly process: number | undefined;
}

export type ProcessState = "alive" | "gone" | "unknown";

export interface Timing {
  /** Lets events, timers and input be handled before a long computation continues. */
  letOthersRun(): Promise<void>;
}

/** Receives the replies, errors and end of a thread. */
export interface ThreadListener<Reply> {
  onMessage(message: Reply): void;
  /** An uncaught error in the thread, which then ends. */
  onError(message: string): void;
  onExit(code: number): void;
}

/** A thread, as seen by its starter. */
export interface ThreadHandle<Request> {
  /** @param moved buffers that go to the thread without a copy, and are lost here */
  post(message: Request, moved?: readonly ArrayBuffer[]): void;
  /** Whether the thread keeps the process alive. At first it does not. */
  keepAlive(isNeeded: boolean): void;
  terminate(): Promise<void>;
}

export interface Threads {
  /**
   * Starts a thread.
   * @param module the address of the module to run, which imports "#platform/thread"; or the text of such a script
   * @param setup passed to it; shared memory stays shared
   * @throws when the system refuses a thread at once; later refusals go to the listener
   */
  start<Setup, Request, Reply>(
    module: URL | string,
    setup: Setup,
    listener: ThreadListener<Reply>,
  ): ThreadHandle<Request>;
}

/** The exports of "#platform/thread", for code that runs inside a thread. */
export interface ThreadScope {
  /**
   * Serves the starter of this thread.
   * @param begin takes the setup passed to `start` and returns the handler of each message
   */
  serve<Setup, Request, Reply>(
    begin: (
      setup: Setup,
      post: (reply: Reply, moved?: readonly ArrayBuffer[]) => void,
    ) => (request: Request) => void,
  ): void;
  /** Milliseconds of a monotonic clock that all threads share. */
  now(): number;
  /** Calls machine code: see `NativeMachine`. */
  callNative(library: string, address: number, args: readonly number[]): void;
  /** Calls functions of shared libraries. @param library that of `ForeignCalls` */
  foreign(library: string): ForeignCalls;
  /** Lets messages and timers be handled. */
  letOthersRun(): Promise<void>;
}
