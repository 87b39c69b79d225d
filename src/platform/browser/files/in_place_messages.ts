// What a page and the worker that writes its files say to each other.

/** What is to be done with a file, which has a number from the page. */
export type InPlaceWork =
  | { readonly kind: "open"; readonly path: string }
  | { readonly kind: "size" }
  | { readonly kind: "read"; readonly position: number; readonly length: number }
  | { readonly kind: "write"; readonly position: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "truncate"; readonly size: number }
  | { readonly kind: "flush" }
  | { readonly kind: "close" };

export interface InPlaceRequest {
  /** Of the request; the answer has the same. */
  readonly id: number;
  readonly file: number;
  readonly work: InPlaceWork;
}

/** What a piece of work gives: a size, or what was read. */
export type InPlaceResult = number | Uint8Array<ArrayBuffer> | undefined;

/** An error of the file system, or of another kind where it has no code. */
export interface InPlaceRefusal {
  readonly code: string | undefined;
  readonly message: string;
  readonly advice: string | undefined;
}

export type InPlaceReply =
  | { readonly id: number; readonly result: InPlaceResult }
  | { readonly id: number; readonly refused: InPlaceRefusal };
