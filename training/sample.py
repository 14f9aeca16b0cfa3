"""Text from the GGUF file through reference.py's plain forward.

    python3 sample.py MODEL.gguf [prompt] [--seed 1 --tokens 160 --temperature 0.7 --top-k 40]
"""
import argparse
import numpy as np
from reference import Gguf, Model

ap = argparse.ArgumentParser()
ap.add_argument("model"), ap.add_argument("prompt", nargs="?", default="Once upon a time")
ap.add_argument("--seed", type=int, default=1), ap.add_argument("--tokens", type=int, default=160)
ap.add_argument("--temperature", type=float, default=0.7), ap.add_argument("--top-k", type=int, default=40)
a = ap.parse_args()
m, rng = Model(Gguf(a.model)), np.random.default_rng(a.seed)
ids = [m.bos] + m.bpe.encode(a.prompt)
for _ in range(a.tokens):
    z = m.forward(ids[:1] + ids[-255:] if len(ids) > 256 else ids)[-1] / a.temperature
    top = np.argsort(z)[-a.top_k:]
    p = np.exp(z[top] - z[top].max())
    ids.append(int(rng.choice(top, p=p / p.sum())))
    if ids[-1] == m.bos:
        break
print(m.text(ids))
