"""What the runtime's tests compare against: this model, computed plainly from the GGUF file itself, in float64 with exact integer products.

    python3 reference.py MODEL.gguf OUT_DIR

Writes tokens.txt (96 ids), rows.txt (which rows of the logits are stored), logits.f32 (those rows, float32 little endian, rows x vocab),
greedy.txt (64 greedy ids after "Once upon a time"), text.txt (JSON strings, one a line) and ids.txt (their ids, without BOS).
"""
import json, os, struct, sys
import numpy as np
from prepare import Bpe

PASSAGE = ("Once upon a time there was a little girl who lived with her old grandmother in a small house by the forest. Every morning she "
           "went to the well to fetch water, and every evening she sat by the fire and listened to the wind. One day a grey wolf came to the "
           "door. \"Who is there?\" asked the girl. \"It is only I,\" said the wolf, \"and I am cold and hungry.\" The girl was kind, but she was "
           "not foolish, and so she did not open the door.\n\nThe next day the wolf came back with his brother.")
STRINGS = ["Once upon a time", "Hello, world!", " leading space", "trailing space ", "two  spaces   three", "tabs\tand\nnewlines\n\n\nend\n",
           "It's what they've said; I'll go, we're here, he'd know, I'm sure, can't.", "IT'S NOT THE SAME CASE", "1234567890 1,000.50 3rd",
           "\"Who is there?\" asked the king. --\"Nobody!\"", "caf\u00e9 na\u00efve \u00c5ngstr\u00f6m", "\u4f60\u597d\uff0c\u4e16\u754c\u3002",
           "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!", "\u0645\u0631\u062d\u0628\u0627", "\U0001f43a\U0001f415\u200d\U0001f9ba!", "a\u0301e\u0308 combining",
           "\u00bd \u2460 \u0663\u0664 \u2163", "\u201ccurly\u201d \u2018quotes\u2019 \u2014 dash\u2026", "x = f(y)[0] + {\"k\": -1} // \u20ac%\u00a7\r\n", "\u00a0\u3000\u2009 odd spaces \u00a0"]


class Gguf:
    def __init__(self, path):
        self.b, self.at = open(path, "rb").read(), 0
        magic, version, n_tensors, n_meta = self.take("<4sIQQ")
        assert magic == b"GGUF" and version == 3
        self.meta = {}
        for _ in range(n_meta):
            k = self.string()
            self.meta[k] = self.value(self.take("<I")[0])
        info = []
        for _ in range(n_tensors):
            name, n = self.string(), self.take("<I")[0]
            info.append((name, self.take(f"<{n}Q")[::-1], *self.take("<IQ")))
        self.at += -self.at % self.meta["general.alignment"]
        self.tensors = {name: self.tensor(shape, kind, self.at + at) for name, shape, kind, at in info}

    def take(self, fmt):
        v = struct.unpack_from(fmt, self.b, self.at)
        self.at += struct.calcsize(fmt)
        return v

    def string(self):
        n = self.take("<Q")[0]
        self.at += n
        return self.b[self.at - n:self.at].decode()

    def value(self, t):
        if t == 8:
            return self.string()
        if t == 9:
            et, n = self.take("<IQ")
            return [self.value(et) for _ in range(n)]
        return self.take({4: "<I", 5: "<i", 6: "<f", 7: "<?"}[t])[0]

    def tensor(self, shape, kind, at):
        n = int(np.prod(shape))
        if kind in (0, 1):
            return np.frombuffer(self.b, ("<f4", "<f2")[kind], n, at).reshape(shape).astype(np.float64)
        assert kind == 35
        blocks = np.frombuffer(self.b, np.uint8, n // 256 * 66, at).reshape(-1, 66)
        code = (blocks[:, :64].reshape(-1, 2, 1, 32) >> (2 * np.arange(4, dtype=np.uint8))[:, None]) & 3
        d = np.unique(blocks[:, 64:].copy().view("<f2"))
        assert len(d) == 1 and code.max() < 3
        return code.reshape(shape).astype(np.float64) - 1, float(d[0])


class Model:
    def __init__(self, gguf):
        m, self.t = gguf.meta, gguf.tensors
        g = lambda k: m["bitnet-b1.58." + k]
        self.layers, self.heads, self.kv = g("block_count"), g("attention.head_count"), g("attention.head_count_kv")
        self.eps, self.base, self.hd = g("attention.layer_norm_rms_epsilon"), g("rope.freq_base"), g("rope.dimension_count")
        self.bos = m["tokenizer.ggml.bos_token_id"]
        tokens = m["tokenizer.ggml.tokens"]
        ids = {t: i for i, t in enumerate(tokens)}
        keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
        self.names = {tokens[b]: b for b in range(256)}
        assert all(tokens[b] == chr(b) for b in keep)
        merges = [tuple(ids[x] for x in s.split(" ")) for s in m["tokenizer.ggml.merges"]]
        self.bpe, self.tokens = Bpe(merges), tokens

    def text(self, ids):
        return b"".join(bytes(self.names[ch] for ch in self.tokens[i]) for i in ids if i != self.bos).decode("utf-8", "replace")

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.t[name + ".weight"]

    def linear(self, x, name):
        w, d = self.t[name + ".weight"]
        s = 127 / np.maximum(np.abs(x).max(-1, keepdims=True), 1e-5)
        return np.clip(np.rint(x * s), -128, 127) @ w.T * (d / s)      # small integers: exact in float64

    def forward(self, ids):
        T, H, K, D = len(ids), self.heads, self.kv, self.hd
        ang = np.outer(np.arange(T), self.base ** (-np.arange(0, D, 2) / D))[:, None]
        cos, sin = np.cos(ang), np.sin(ang)

        def rope(x):
            a, b = x[..., :D // 2], x[..., D // 2:]
            return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

        x = self.t["token_embd.weight"][np.asarray(ids)]
        for l in range(self.layers):
            p = f"blk.{l}."
            h = self.norm(x, p + "attn_norm")
            q = rope(self.linear(h, p + "attn_q").reshape(T, H, D))
            k = np.repeat(rope(self.linear(h, p + "attn_k").reshape(T, K, D)), H // K, 1)
            v = np.repeat(self.linear(h, p + "attn_v").reshape(T, K, D), H // K, 1)
            s = np.einsum("thd,shd->hts", q, k) / np.sqrt(D)
            s = np.where(np.tri(T, dtype=bool), s, -np.inf)
            s = np.exp(s - s.max(-1, keepdims=True))
            s /= s.sum(-1, keepdims=True)
            o = np.einsum("hts,shd->thd", s, v).reshape(T, H * D)
            x = x + self.linear(self.norm(o, p + "attn_sub_norm"), p + "attn_output")
            h = self.norm(x, p + "ffn_norm")
            h = np.maximum(self.linear(h, p + "ffn_gate"), 0) ** 2 * self.linear(h, p + "ffn_up")
            x = x + self.linear(self.norm(h, p + "ffn_sub_norm"), p + "ffn_down")
        return self.norm(x, "output_norm") @ self.t["token_embd.weight"].T


def main():
    path, out = sys.argv[1:]
    os.makedirs(out, exist_ok=True)
    m = Model(Gguf(path))
    put = lambda name, text: open(os.path.join(out, name), "w", encoding="utf-8").write(text + "\n")
    line = lambda ids: " ".join(map(str, ids))
    ids = ([m.bos] + m.bpe.encode(PASSAGE))[:96]
    assert len(ids) == 96
    rows = list(range(15, 96, 16))
    put("tokens.txt", line(ids))
    put("rows.txt", line(rows))
    m.forward(ids)[rows].astype("<f4").tofile(os.path.join(out, "logits.f32"))
    seq = [m.bos] + m.bpe.encode("Once upon a time")
    n = len(seq)
    gap = 9.0
    for _ in range(64):
        z = m.forward(seq)[-1]
        top = np.sort(z)[-2:]
        gap = min(gap, top[1] - top[0])
        seq.append(int(z.argmax()))
    put("greedy.txt", line(seq[n:]))
    put("text.txt", "\n".join(json.dumps(s) for s in STRINGS))
    put("ids.txt", "\n".join(line(m.bpe.encode(s)) for s in STRINGS))
    assert all(m.text(m.bpe.encode(s)) == s for s in STRINGS)
    print(f"smallest gap between the best two logits on the greedy path: {gap:.4f}")
    print(m.text(seq))


if __name__ == "__main__":
    main()
