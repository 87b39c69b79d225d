"""Prompts in many scripts, and the tokens that transformers' CLIPTokenizer makes of them.

    pip install transformers==5.24.0 open_clip_torch==3.3.0
    python clip_tokens.py test/fixtures/stable_diffusion/tokenizer

The vocabulary is CLIP's, with its first merges only (--full: with all of them, 4 MB, for a check by hand). It is saved in
both forms: vocab.json with merges.txt, and tokenizer.json. Each prompt has the tokens of the second form, then those of
the first where they differ.
"""

import gzip
import json
import pathlib
import random
import sys

import open_clip
from open_clip.tokenizer import bytes_to_unicode
from transformers import CLIPTokenizer

MERGES = 1500
# Blocks of Unicode, by their first and last character.
BLOCKS = [(0x21, 0x7E), (0xA1, 0x17F), (0x180, 0x2AF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x531, 0x58F),
          (0x591, 0x5F4), (0x600, 0x6FF), (0x900, 0x97F), (0xB80, 0xBFF), (0xE01, 0xE5B), (0x10A0, 0x11FF),
          (0x1200, 0x137F), (0x1780, 0x17F9), (0x2000, 0x206F), (0x20A0, 0x21FF), (0x2200, 0x22FF), (0x2500, 0x27BF),
          (0x3000, 0x30FF), (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0xFB00, 0xFDFF), (0xFF00, 0xFFEF), (0x1F300, 0x1F64F),
          (0x1F680, 0x1F9FF), (0x1F1E6, 0x1F1FF), (0x1D400, 0x1D7FF), (1, 0x20)]
WORDS = """a photo of the an oil painting cat dog in style by van gogh highly detailed 8k castle, (masterpiece:1.2),
[blue|red] sunset!! don't we've I'LL it's portrait; cyberpunk-city café naïve Straße İstanbul ΣΊΣΥΦΟΣ Привет мир 猫 が
好き 안녕 नमस्ते שלום مرحبا 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 1girl 1234567 3.14 100% C++ <lora:x:0.8> <my-cat> <|startoftext|> <|endoftext|>
https://example.org/a?b=c&d #tag @user \\n \\t …—“quoted” ﬁancé ½ ² ™ ｆｕｌｌ""".split()


def prompts(count: int) -> list[str]:
    draw = random.Random(0)
    found = ["", "  ", "\n\t a \u3000b\u00a0c ", " ".join(WORDS[:20] * 8)]
    while len(found) < count:
        kind = draw.random()
        if kind < 0.4:
            found.append(" ".join(draw.choices(WORDS, k=draw.randint(1, 20))))
        elif kind < 0.8:
            text = ""
            for _ in range(draw.randint(1, 6)):
                first, last = draw.choice(BLOCKS)
                text += "".join(chr(draw.randint(first, last)) for _ in range(draw.randint(1, 8)))
                text += draw.choice(["", " ", "  ", "'s "])
            found.append(text)
        else:
            found.append("".join(draw.choice(WORDS).upper() + draw.choice([" ", ", ", "", "-"])
                                 for _ in range(draw.randint(1, 15))))
    return found


def main(folder: pathlib.Path, merges_kept: int, count: int) -> None:
    source = pathlib.Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.open(source).read().decode("utf-8").split("\n")[1:49152 - 256 - 2 + 1][:merges_kept]
    letters = list(bytes_to_unicode().values())
    tokens = letters + [letter + "</w>" for letter in letters] + ["".join(line.split()) for line in lines]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    for form in ("parts", "whole"):
        (folder / form).mkdir(parents=True, exist_ok=True)
    vocab = {token: number for number, token in enumerate(tokens)}
    parts, whole = folder / "parts", folder / "whole"
    (parts / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (parts / "merges.txt").write_text("\n".join(["#version: 0.2", *lines]) + "\n")
    (parts / "special_tokens_map.json").unlink(missing_ok=True)
    own = CLIPTokenizer.from_pretrained(parts, model_max_length=77)
    own.add_tokens(["<my-cat>"])
    own.save_pretrained(whole)
    # As Stable Diffusion 2 and the second tokenizer of XL have it: a "!" of a prompt is a padding token there.
    (parts / "special_tokens_map.json").write_text(json.dumps(dict(
        bos_token=dict(content="<|startoftext|>"), eos_token=dict(content="<|endoftext|>"), pad_token="!")))
    other = CLIPTokenizer.from_pretrained(parts)
    cases = [[prompt, *(tokenizer(prompt).input_ids[1:-1] for tokenizer in (own, other))] for prompt in prompts(count)]
    short = [case if case[1] != case[2] else case[:2] for case in cases]
    (folder / "prompts.json").write_text(json.dumps(short, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    full = "--full" in sys.argv
    main(pathlib.Path(sys.argv[1]), 10**6 if full else MERGES, 5000 if full else 800)
