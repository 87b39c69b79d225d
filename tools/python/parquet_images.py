"""Writes test/fixtures/data/*.parquet: small images as Hugging Face datasets and others store them.

    python tools/python/parquet_images.py

Image i is 8 x 8, of the single colour (20 i, 255 - 20 i, 7 i).
"""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

OUT = Path(__file__).parents[2] / "test" / "fixtures" / "data"
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def png(i):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (20 * i, 255 - 20 * i, 7 * i)).save(file, "PNG")
    return file.getvalue()


def images(count):
    return pa.array([{"bytes": png(i), "path": f"{i}.png"} for i in range(count)], type=IMAGE)


def features(table, columns):
    info = {"info": {"features": columns}}
    return table.replace_schema_metadata({"huggingface": json.dumps(info)})


def write(name, table, **options):
    pq.write_table(table, OUT / f"{name}.parquet", **options)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    labels = {"label": {"names": ["wasp", "ant", "bee", "moth"], "_type": "ClassLabel"}}
    classes = pa.array([i % 3 for i in range(10)], type=pa.int64())
    table = pa.table({"image": images(10), "label": classes, "caption": [f"number {i}" for i in range(10)]})
    write("hugging_face", features(table, {"image": {"_type": "Image"}, **labels}), row_group_size=4)

    # Recognised by their structure only: plain bytes, and labels as text.
    plain = pa.table({"name": [f"n{i}" for i in range(5)], "img": [png(i) for i in range(5)], "kind": list("abcab")})
    for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        write(f"plain_{codec}", plain, compression=codec)

    write("two_images", pa.table({"before": images(2), "after": images(2)}))
    write("no_images", pa.table({"text": ["a", "b"], "number": [1, 2]}))

    # A row without an image, one with a path instead, one without a label.
    gaps = pa.array([None, {"bytes": None, "path": "x.png"}, {"bytes": png(2), "path": None}], type=IMAGE)
    write("gaps", features(pa.table({"image": gaps, "label": [0, 1, -1]}), {"image": {"_type": "Image"}, **labels}))


if __name__ == "__main__":
    main()
