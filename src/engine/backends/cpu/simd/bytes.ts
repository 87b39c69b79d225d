// A growing byte buffer with the number formats of WebAssembly (LEB128, little-endian floats).

export class ByteWriter {
  private bytes = new Uint8Array(256);
  private view = new DataView(this.bytes.buffer);
  length = 0;

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.length + count));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }
  /** Unsigned LEB128 of an integer below 2^53. */
  unsigned(value: number): void {
    while (value >= 0x80) {
      this.u8((value % 0x80) | 0x80);
      value = Math.floor(value / 0x80);
    }
    this.u8(value);
  }
  /** Signed LEB128 of a safe integer. */
  signed(value: number): void {
    for (;;) {
      const low = ((value % 0x80) + 0x80) % 0x80;
      value = (value - low) / 0x80;
      if ((value === 0 && low < 0x40) || (value === -1 && low >= 0x40)) {
        this.u8(low);
        return;
      }
      this.u8(low | 0x80);
    }
  }
  u32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }
  f32(value: number): void {
    this.reserve(4);
    this.view.setFloat32(this.length, value, true);
    this.length += 4;
  }
  f64(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }
  /** The length of a text in UTF-8, then its bytes. */
  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.unsigned(encoded.length);
    this.append(encoded);
  }
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
  /** The length of another writer's bytes, then the bytes. */
  sized(inner: ByteWriter): void {
    this.unsigned(inner.length);
    this.append(inner.finish());
  }
  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(0, this.length);
  }
}
