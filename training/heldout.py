"""Held-out text for `tern ppl`: the first tokens of a validation file as the text they came from.

    python3 heldout.py TOKENS OUT.txt [--part broad --tokens 100000]
"""
import argparse, json, os
import numpy as np

ap = argparse.ArgumentParser()
ap.add_argument("tokens_dir"), ap.add_argument("out")
ap.add_argument("--part", default="broad"), ap.add_argument("--tokens", type=int, default=100000)
a = ap.parse_args()
eot = json.load(open(os.path.join(a.tokens_dir, "meta.json")))["eot"]
piece = [bytes([b]) for b in range(256)]
for line in open(os.path.join(a.tokens_dir, "merges.txt")):
    x, y = map(int, line.split())
    piece.append(piece[x] + piece[y])
ids = np.fromfile(os.path.join(a.tokens_dir, f"valid-{a.part}.bin"), np.uint16)[:a.tokens]
text = b"".join(b"\n\n" if i == eot else piece[i] for i in ids).strip()
open(a.out, "wb").write(text)
