"""Checkpoint of train.py -> GGUF v3: ternary matrices as TQ2_0, embedding (also the head) as F16, norms as F32.

    python3 export.py MODEL.pt TOKENS OUT.gguf
"""
import json, os, struct, sys
import numpy as np
import torch
from prepare import load_merges, token_bytes

U32, F32, BOOL, STR, ARR, I32 = 4, 6, 7, 8, 9, 5
T_F32, T_F16, T_TQ2_0 = 0, 1, 35
ALIGN = 32


def byte_names():
    """GPT-2's printable stand-ins for the 256 bytes."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(b) if b in keep else chr(next(rest)) for b in range(256)]


def tq2_0(w):
    """absmean ternarisation exactly as in training, two bits per weight, one scale for the whole matrix repeated in every block."""
    s = w.abs().mean().clamp(min=1e-5)
    code = ((w / s).round().clamp(-1, 1) + 1).to(torch.uint8).numpy().reshape(-1, 2, 4, 32)
    bits = (code << (2 * np.arange(4, dtype=np.uint8))[:, None]).sum(2, dtype=np.uint8).reshape(-1, 64)
    d = np.full((len(bits), 1), s.item(), np.float16).view(np.uint8)
    return np.concatenate([bits, d], 1).tobytes()


def string(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def value(t, v):
    if t == ARR:
        et, items = v
        return struct.pack("<IQ", et, len(items)) + b"".join(value(et, x) for x in items)
    return string(v) if t == STR else struct.pack({U32: "<I", F32: "<f", BOOL: "<?", I32: "<i"}[t], v)


def main():
    ckpt, tokens, out = sys.argv[1:]
    state = torch.load(ckpt, map_location="cpu")
    c, w = state["config"], {k: v.float() for k, v in state["model"].items()}
    eot = json.load(open(os.path.join(tokens, "meta.json")))["eot"]
    merges = load_merges(os.path.join(tokens, "merges.txt"))
    names = byte_names()
    vocab = ["".join(names[b] for b in t) for t in token_bytes(merges)]
    a = "bitnet-b1.58."
    meta = [("general.architecture", STR, "bitnet-b1.58"), ("general.name", STR, "Tern Stories"), ("general.license", STR, "apache-2.0"),
            ("general.alignment", U32, ALIGN), (a + "context_length", U32, c["len"]), (a + "embedding_length", U32, c["dim"]),
            (a + "block_count", U32, c["layers"]), (a + "feed_forward_length", U32, c["ffn"]), (a + "attention.head_count", U32, c["heads"]),
            (a + "attention.head_count_kv", U32, c["kv"]), (a + "attention.layer_norm_rms_epsilon", F32, 1e-5),
            (a + "rope.freq_base", F32, 10000.0), (a + "rope.dimension_count", U32, 64), (a + "vocab_size", U32, c["vocab"]),
            ("tokenizer.ggml.model", STR, "gpt2"), ("tokenizer.ggml.pre", STR, "gpt-2"),
            ("tokenizer.ggml.tokens", ARR, (STR, vocab + ["<|endoftext|>"])),
            ("tokenizer.ggml.token_type", ARR, (I32, [1] * len(vocab) + [3])),
            ("tokenizer.ggml.merges", ARR, (STR, [vocab[x] + " " + vocab[y] for x, y in merges])),
            ("tokenizer.ggml.bos_token_id", U32, eot), ("tokenizer.ggml.eos_token_id", U32, eot), ("tokenizer.ggml.add_bos_token", BOOL, True)]
    assert len(vocab) == eot == c["vocab"] - 1

    f32 = lambda t: (T_F32, t.shape, t.numpy().astype("<f4").tobytes())
    tern = lambda t: (T_TQ2_0, t.shape, tq2_0(t))
    tensors = [("token_embd", (T_F16, w["emb"].shape, w["emb"].numpy().astype("<f2").tobytes()))]
    for l in range(c["layers"]):
        for name, kind, key in (("attn_norm", f32, "attn_norm"), ("attn_q", tern, "q"), ("attn_k", tern, "k"), ("attn_v", tern, "v"),
                                ("attn_sub_norm", f32, "attn_sub"), ("attn_output", tern, "o"), ("ffn_norm", f32, "ffn_norm"),
                                ("ffn_gate", tern, "gate"), ("ffn_up", tern, "up"), ("ffn_sub_norm", f32, "ffn_sub"), ("ffn_down", tern, "down")):
            tensors.append((f"blk.{l}.{name}", kind(w[key][l])))
    tensors.append(("output_norm", f32(w["norm"])))

    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(meta))
    head += b"".join(string(k) + struct.pack("<I", t) + value(t, v) for k, t, v in meta)
    at = 0
    for name, (kind, shape, data) in tensors:
        head += string(name + ".weight") + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape)) + struct.pack("<IQ", kind, at)
        at += len(data) + -len(data) % ALIGN
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    with open(out + ".new", "wb") as f:
        f.write(head + b"\0" * (-len(head) % ALIGN))
        for _, (_, _, data) in tensors:
            f.write(data + b"\0" * (-len(data) % ALIGN))
    os.replace(out + ".new", out)
    print(f"{out}: {os.path.getsize(out)} bytes, {len(tensors)} tensors, step {state['step']}, {state['seen'] / 1e6:.2f} M tokens")


if __name__ == "__main__":
    main()
