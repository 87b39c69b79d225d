// What differs between Node and a browser, and nothing more, as types. Code asks the module "#platform", which gives one
// value for each group here; package.json says which module that is. Whatever must wait in a browser is a promise.
//
// What the system refuses is an Error with the system's `code`, named as Node names it ("ENOENT", "ENOSPC", ...);
// errors.ts puts it into words.

/** What is known of a file or a folder; links are followed. */
export interface FileInfo {
  /** Bytes. */
  readonly size: number;
  /** When it was last changed (milliseconds since 1970). */
  readonly mtimeMs: number;
  readonly isFile: boolean;
  readonly isFolder: boolean;
}

/** One name in a folder. */
export interface FolderEntry {
  readonly name: string;
  /** Links are not followed. */
  readonly kind: "file" | "folder" | "link";
}

/** A file that is open for reading. */
export interface OpenFile {
  /** Bytes. */
  size(): Promise<number>;
  /**
   * Bytes `position` .. `position + length`, which nobody else keeps.
   * @throws FileError if the file ends before, or there is no memory for as many bytes
   */
  read(position: number, length: number): Promise<ArrayBuffer>;
  /** Reads into `bytes` from `position` on. @returns how many there were, 0 at the file's end */
  readInto(bytes: Uint8Array, position: number): Promise<number>;
  readAll(): Promise<Uint8Array>;
  /** All of it, piece by piece: also of pipes, whose size is not known. */
  pieces(): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Where the content of a file goes, one piece after the other. */
export interface FileSink {
  write(content: Uint8Array | string): Promise<void>;
}

/** A file that is added to at its end, and read. */
export interface AppendFile extends OpenFile, FileSink {
  truncate(size: number): Promise<void>;
  /** Everything is on the disk when this returns. */
  sync(): Promise<void>;
}

/**
 * A file whose reads and writes are done when they return, such as those beside every step of a training. A browser has
 * these in workers only.
 */
export interface SyncFile {
  /** @returns how many bytes there were, which is less at the file's end */
  read(bytes: Uint8Array, position: number): number;
  /** @returns how many bytes were taken, which may be a part of them */
  write(bytes: Uint8Array, position: number): number;
  truncate(size: number): void;
  /** Everything is on the disk when this returns. */
  sync(): void;
  close(): void;
}

/** Writes the content of a new file, from its beginning. */
export type FileWriter = (file: FileSink) => Promise<void>;

/**
 * Called at the last moment before anything is made under its name, replaced or removed; what it throws ends the work,
 * and all stays as it is. For folders that somebody else may take away meanwhile.
 */
export type Permit = () => void;

/** In milliseconds. */
export interface LockTiming {
  /** How long a process that holds the lock is waited for: one that was told to end may take a moment. */
  readonly patience: number;
  /** How often the holder touches the lock. */
  readonly touch: number;
  /** How long a lock stands untouched where its process cannot be looked for. */
  readonly fresh: number;
}

/** One process at a time in a folder. A process that ended, even by a crash, holds nothing. */
export interface FolderLock {
  /**
   * Takes the lock; the folder is made where it is missing.
   * @param onWatch called once where it takes a while to see whether somebody holds it
   * @returns undefined, or, where another process holds it, which ("process 12 on HOST"), as far as that is known
   * @throws FileError when it cannot be written
   */
  acquire(onWatch?: () => void): Promise<{ readonly holder: string | undefined } | undefined>;
  /**
   * Costs some microseconds.
   * @returns undefined as long as the lock is held; otherwise whether the folder was removed or moved, another process
   * has its lock, or the lock is missing
   * @throws FileError when it cannot be looked at
   */
  loss(): "removed" | "taken" | "missing" | undefined;
  /** Gives the lock back, if it was taken and still stands in the folder. */
  release(): Promise<void>;
}

export interface Files {
  exists(path: string): Promise<boolean>;
  stat(path: string): Promise<FileInfo>;
  /** The path without links: one for each file or folder. */
  realPath(path: string): Promise<string>;
  /** Rejects unless the names in a folder, and the files under them, may be read. */
  checkFolderReadable(path: string): Promise<void>;
  /** Names in a folder. */
  list(folder: string): Promise<string[]>;
  entries(folder: string): Promise<FolderEntry[]>;
  readText(path: string): Promise<string>;
  /** The lines of a text, without their ends, as they are read. */
  lines(path: string): AsyncIterable<string>;
  open(path: string): Promise<OpenFile>;
  /** Makes the file where it is missing. @param makesFolders and the folders above it */
  openToAppend(path: string, makesFolders?: boolean): Promise<AppendFile>;
  /** Of a file that is there. @param mode "r+": for writing, too */
  openSync(path: string, mode: "r" | "r+"): Promise<SyncFile>;
  /** Gives a file or a folder another name on the same disk, at once; a file that has the name is replaced. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; nothing where there is none. */
  remove(path: string): Promise<void>;
  /** Removes a file, or a folder and all in it; nothing where there is none. */
  removeAll(path: string): Promise<void>;
  /** Begins to remove a file; on Node it is gone when this returns. */
  removeSoon(path: string): void;
  /** Makes a folder and those above it, where they are missing. @throws FileError, in one line */
  makeFolder(path: string): Promise<void>;
  /**
   * Writes a file so that readers see the old content or the new, never a part. Parent folders are made.
   * @throws FileError, in one line, when the disk is full, permission is missing, ...
   */
  writeFileAtomic(path: string, content: string | Uint8Array | FileWriter, permit?: Permit): Promise<void>;
  /**
   * Makes or replaces a whole folder: `fill` writes everything into an empty folder beside it, which then takes its
   * place. If `fill` fails, what stood at `path` stays as it was. What a crash cut off, `repairFolder` ends and
   * `replacementOf` finds.
   * @throws FileError, in one line, when the disk is full, permission is missing, `path` is a file, ...
   */
  replaceDirAtomic(path: string, fill: (folder: string) => Promise<void>, permit?: Permit): Promise<void>;
  /** Removes a folder so that a crash leaves no part of it under its name. @throws FileError */
  removeFolder(path: string, permit?: Permit): Promise<void>;
  /**
   * Ends or removes what killed processes left half written in a folder. Nobody may be writing there meanwhile.
   * @throws FileError, in one line; a folder that is missing is clean
   */
  repairFolder(folder: string): Promise<void>;
  /** Where the content of a folder is whose replacement a crash cut off; undefined where there is no such. */
  replacementOf(path: string): Promise<string | undefined>;
  /** Whether a name is that of something half written, which `repairFolder` would end or remove. */
  isLeftover(name: string): boolean;
  /** @param file the lock's name in the folder */
  lockOf(folder: string, file: string, timing?: Partial<LockTiming>): FolderLock;
  /** Bytes that may be written on the disk of a folder, which need not exist yet. */
  freeBytes(folder: string): Promise<number>;
  /**
   * Gives a file a second name, in a folder that is made where it is missing: a link, or where there are none a copy.
   * @param mayMove where there are no links, the file may lose its first name
   */
  addName(file: string, second: string, mayMove: boolean): Promise<void>;
  /** A file's content as requests take it, read while it is sent. */
  contentToSend(path: string): Promise<Blob | URL>;
}

/** Paths as the system writes them. */
export interface Paths {
  join(...parts: string[]): string;
  /** Absolute. */
  resolve(...parts: string[]): string;
  dirname(path: string): string;
  basename(path: string): string;
  /** With its dot; "" where there is none. */
  extname(path: string): string;
  isAbsolute(path: string): boolean;
  /** The way from a folder to what is in it, with "/" on every system. */
  inside(folder: string, path: string): string;
  /** The user's own folder. */
  home(): string;
}

/** An image in memory, and what it was as a file. */
export interface DecodedImage {
  /** 8-bit RGB, [height, width, 3], row by row from the top. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** "jpeg", "png", ... by what the bytes say. */
  readonly format: string;
  /** Of the file: 1 gray, 2 gray and transparency, 3 RGB, 4 RGB and transparency, or CMYK. */
  readonly channels: number;
}

export type EncodedFormat = "png" | "jpeg" | "webp";

export interface Images {
  /** Names the decoder and its version: another may round a pixel otherwise. */
  decoder(): Promise<string>;
  /**
   * Decodes an image file (of several images, the first): turned as its EXIF data says, laid on white where it is
   * transparent, brought to sRGB and 8 bits.
   * @param formats those that are read, as `format` names them
   * @param maxPixels an image of more is refused
   * @throws Error whose message says in a few words what is wrong: NO_IMAGE (errors.ts) where the bytes are none
   */
  decode(bytes: Uint8Array, formats: ReadonlySet<string>, maxPixels: number): Promise<DecodedImage>;
  /** @param data 8-bit RGB, [height, width, 3], of the right length. @returns the bytes of the file */
  encode(data: Uint8Array, width: number, height: number, format: EncodedFormat): Promise<Uint8Array>;
  /** Draws the text of an SVG file as a PNG, `scale` times as large. @returns the bytes of the file */
  svgToPng(svg: string, scale: number): Promise<Uint8Array>;
}

/** Takes bytes in pieces; text counts as UTF-8. */
export interface Hasher {
  update(data: Uint8Array | string): Hasher;
  /** In hexadecimal; to be called once. */
  digest(): string;
}

export interface Hashing {
  hasher(algorithm: "sha256" | "sha1"): Hasher;
  /** In hexadecimal. */
  sha256(data: Uint8Array | string): string;
  /** Random bytes that nobody can guess, in hexadecimal. */
  randomHex(bytes: number): string;
}

export interface Compression {
  /** The CRC-32 of zip and PNG. */
  crc32(data: Uint8Array): number;
  /** Unpacks plain deflate. Rejects where the data are damaged, or would unpack to more than `most` bytes. */
  inflateRaw(data: Uint8Array, most: number): Promise<Uint8Array>;
  /** @throws where the data are damaged, or would unpack to more than `most` bytes */
  gunzip(data: Uint8Array, most: number): Uint8Array;
  /** @throws where the data are damaged, or would unpack to more than `most` bytes */
  brotli(data: Uint8Array, most: number): Uint8Array;
}

/** What a zip archive's directory says of a file, not checked yet. */
export interface ZipDirectoryEntry {
  readonly name: string;
  /** Where its local header begins. */
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
   * @param read bytes of the archive, which is `size` bytes long
   * @throws Error that says what is wrong with the archive, also of what is iterated
   */
  zipDirectory(
    read: (position: number, length: number) => Promise<Uint8Array>,
    size: number,
  ): Promise<{ readonly count: number; readonly entries: AsyncIterable<ZipDirectoryEntry> }>;
}

export interface Tables {
  /**
   * The rows of a text of comma-separated values, all with as many as the first; empty lines are left out.
   * @param maxRecordBytes a row of more is refused
   * @throws Error that says what is wrong, and where
   */
  csvRows(text: string, maxRecordBytes: number): Promise<string[][]>;
}

export interface Machine {
  /** Threads that run at the same time. */
  cores(): number;
  /** Bytes. */
  memory(): number;
  hostName(): string;
  /** Name and version of what runs this: "node/26.10.0". */
  readonly runtime: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /**
   * Asks for WebAssembly's vectors to be joined in pairs to wider instructions, lane for lane the same arithmetic.
   * @returns whether they will be, from now on
   */
  widenVectors(): boolean;
  /** A warning to whoever runs the program, where nobody else takes it. */
  warn(message: string): void;
}

/** Processes of this machine: in a browser, its pages. */
export interface Processes {
  /** A name for what this process is making, until it has its own: letters, digits and "-". */
  mark(): Promise<string>;
  /**
   * What became of the process that gave a mark. `gone` is certain; `unknown` is one of another machine, another container
   * or an earlier start of the system, and whatever is no mark.
   */
  stateOf(mark: string): Promise<ProcessState>;
}

export type ProcessState = "alive" | "gone" | "unknown";

export interface Timing {
  /** Lets events, timers and input be handled before the rest of a long computation. */
  letOthersRun(): Promise<void>;
}

/** What becomes of a thread and what it says. */
export interface ThreadListener<Reply> {
  onMessage(message: Reply): void;
  /** Something was thrown in it; its end follows. */
  onError(message: string): void;
  onExit(code: number): void;
}

/** A thread as whoever started it sees it. */
export interface ThreadHandle<Request> {
  post(message: Request): void;
  /** Whether the process goes on as long as the thread is there. At first it does not. */
  keepAlive(isNeeded: boolean): void;
  terminate(): Promise<void>;
}

export interface Threads {
  /**
   * Starts a thread.
   * @param module what it runs: a module that asks "#platform/thread"
   * @param setup handed to it; shared memory stays shared
   * @throws when the system gives no thread; where it says so only later, the listener is told
   */
  start<Setup, Request, Reply>(
    module: URL,
    setup: Setup,
    listener: ThreadListener<Reply>,
  ): ThreadHandle<Request>;
}

/** What the module "#platform/thread" gives: the same for code that runs inside a thread. */
export interface ThreadScope {
  /**
   * Serves whoever started this thread.
   * @param begin is given what `start` was given, and says what is done with each message
   */
  serve<Setup, Request, Reply>(
    begin: (setup: Setup, post: (reply: Reply) => void) => (request: Request) => void,
  ): void;
  /** Milliseconds of a steady clock that all threads share. */
  now(): number;
}
