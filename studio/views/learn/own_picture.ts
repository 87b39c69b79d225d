// A picture of the reader's, as large as the model's.

import type { Pictures } from "../../engine/messages.ts";

/** Covers the size, like the data of a training: what is over on two sides is cut off. */
export async function pictureOf(
  file: File,
  { width, height }: Pick<Pictures, "width" | "height">,
): Promise<Pictures> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is no picture that this browser reads; choose a PNG or a JPEG`);
  });
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (context === null) throw new Error("this browser has no canvas");
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (width - wide) / 2, (height - high) / 2, wide, high);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, count: 1, rgba: new Uint8ClampedArray(data) };
}
