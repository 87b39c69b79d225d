"""Golden numbers of image augmentation, made by Pillow: crops by its bicubic resize on floats, and colours by
ImageEnhance on bytes.

    .venv/bin/pip install -r tools/python/requirements.txt
    .venv/bin/python tools/python/augment_pillow.py
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures"
SIZE = 16


def crops(pixels):
    """Bicubic crops scaled to the full size, and the whole scaled to half: [x, y, value] away from the edges."""
    image = Image.fromarray(pixels.astype(np.float32))
    cases = []
    whole = (0.0, 0.0, float(SIZE), float(SIZE))
    # left, top, right, bottom; side of the result
    for box, size in [((1.5, 2.25, 10.0, 10.75), SIZE), ((3.0, 3.0, 9.0, 9.0), SIZE), (whole, SIZE // 2)]:
        out = np.asarray(image.resize((size, size), Image.BICUBIC, box=box))
        scale = (box[2] - box[0]) / size
        reach = 2 * max(1, scale) + 0.5
        values = []
        for y in range(size):
            for x in range(size):
                px = box[0] + (x + 0.5) * scale
                py = box[1] + (y + 0.5) * scale
                inside = all(reach <= place <= SIZE - reach for place in (px, py))
                # Values out of range are clipped here and not there.
                if inside and 0 <= out[y, x] <= 255:
                    values.append([x, y, round(float(out[y, x]), 4)])
        cases.append({"box": box, "size": size, "values": values})
    return cases


def colors(pixels):
    image = Image.fromarray(pixels)
    made = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "saturation": ImageEnhance.Color,
    }
    return [
        {"change": name, "factor": factor, "pixels": np.asarray(enhance(image).enhance(factor)).flatten().tolist()}
        for name, enhance in made.items()
        for factor in (0.7, 1.25)
    ]


def main():
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    write("resample_pillow.json", {"side": SIZE, "pixels": gray.flatten().tolist(), "cases": crops(gray)})
    color = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    write("color_pillow.json", {"pixels": color.flatten().tolist(), "cases": colors(color)})


def write(name, content):
    (FIXTURES / name).write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
