#!/usr/bin/env python3
"""Makes cases.json and NAME.logits.f32: small models in the layout of Hugging Face, and the logits that transformers computes for them.

usage: cases.py TRANSFORMERS, a source tree of transformers 4.57; needs torch (from 1.13 on) and numpy

Weights are drawn from SplitMix64, seeded by the names of case and tensor, so that a test makes the same files; see README.md.
"""
import hashlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

import transformers_source

EPSILON = float(np.finfo(np.float32).eps)
VOCAB = 260
LENGTHS = (7, 41)
PACKED = {"quant_method": "bitnet", "modules_to_not_convert": None}
AUTO = PACKED | {"linear_class": "autobitlinear"}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}


def case(name, model, weights, head, quantization=None, **config):
    """weights: dtype of the layers' matrices; head: dtype of embedding and head."""
    return {
        "name": name,
        "weights": weights,
        "head": head,
        "config": {"model_type": model, "vocab_size": VOCAB, "num_hidden_layers": 2, "max_position_embeddings": 256}
        | config
        | ({"quantization_config": quantization} if quantization else {}),
    }


def shape(hidden, ffn, heads, kv_heads, head_dim):
    sizes = {"hidden_size": hidden, "intermediate_size": ffn, "num_attention_heads": heads, "num_key_value_heads": kv_heads}
    return sizes | ({} if head_dim is None else {"head_dim": head_dim})


BITNET = {"hidden_act": "relu2", "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": True}
CASES = [
    case("bitnet-packed", "bitnet", "U8", "BF16", AUTO | {"quantization_mode": "offline"}, **BITNET, **shape(256, 512, 4, 2, None)),
    case("bitnet-masters", "bitnet", "BF16", "BF16", AUTO | {"quantization_mode": "online"}, **BITNET, **shape(256, 512, 4, 1, None)),
    case("llama-bitlinear", "llama", "U8", "BF16", PACKED, hidden_act="silu", rms_norm_eps=1e-5, rope_theta=500000.0, rope_scaling=LLAMA3,
         tie_word_embeddings=False, **shape(256, 512, 4, 2, None)),
    case("llama-bitlinear-wide-heads", "llama", "U8", "F32", PACKED, hidden_act="silu", rms_norm_eps=1e-6, rope_theta=1000042.0,
         tie_word_embeddings=True, **shape(256, 256, 4, 1, 128)),
    case("llama-masters", "llama", "BF16", "F32", AUTO | {"quantization_mode": "online"}, hidden_act="silu", rms_norm_eps=1e-5,
         rope_theta=10000.0, tie_word_embeddings=False, **shape(256, 256, 8, 2, None)),
    case("llama-bf16", "llama", "BF16", "BF16", hidden_act="silu", rms_norm_eps=1e-5, rope_theta=500000.0, rope_scaling=LLAMA3,
         tie_word_embeddings=False, **shape(64, 160, 4, 2, None)),
    case("llama-f32-tied", "llama", "F32", "F32", hidden_act="silu", rms_norm_eps=1e-6, rope_theta=10000.0,
         rope_scaling={"rope_type": "linear", "factor": 2.5}, tie_word_embeddings=True, **shape(64, 128, 8, 1, None)),
    case("qwen3-bf16-tied", "qwen3", "BF16", "BF16", hidden_act="silu", rms_norm_eps=1e-6, rope_theta=1000000.0, tie_word_embeddings=True,
         **shape(64, 128, 4, 2, 32)),
    case("qwen3-f16", "qwen3", "F16", "F32", hidden_act="silu", rms_norm_eps=1e-6, rope_theta=5000000.0, tie_word_embeddings=False,
         **shape(96, 128, 6, 3, 24)),
]


# ---- weights --------------------------------------------------------------------------------------------------------


def tensors(c):
    """[{name, dtype, shape, offset, scale}] of a case: value = offset + scale u, u in [-1, 1)."""
    config = c["config"]
    hidden, ffn, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    dim = config.get("head_dim", hidden // heads)
    kv = config["num_key_value_heads"] * dim
    out = []

    def add(name, dtype, dims, offset, scale):
        out.append({"name": name, "dtype": dtype, "shape": dims, "offset": offset, "scale": scale})

    def norm(name, n):
        add(name + ".weight", "F32" if c["head"] == "F32" else "BF16", [n], 1.0, 0.5)

    def matrix(name, rows, cols):
        if c["weights"] != "U8":
            add(name + ".weight", c["weights"], [rows, cols], 0.0, 2.0 ** -round(np.log2(cols) / 2 - 1))
            return
        multiplies = config["quantization_config"].get("linear_class") == "autobitlinear"
        add(name + ".weight", "U8", [rows // 4, cols], 0.0, 0.0)
        add(name + ".weight_scale", "BF16", [1], *((0.0625, 0.03125) if multiplies else (16.0, 8.0)))

    add("model.embed_tokens.weight", c["head"], [VOCAB, hidden], 0.0, 1.0)
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        norm(at + "input_layernorm", hidden)
        matrix(at + "self_attn.q_proj", heads * dim, hidden)
        matrix(at + "self_attn.k_proj", kv, hidden)
        matrix(at + "self_attn.v_proj", kv, hidden)
        matrix(at + "self_attn.o_proj", hidden, heads * dim)
        if config["model_type"] == "qwen3":
            norm(at + "self_attn.q_norm", dim)
            norm(at + "self_attn.k_norm", dim)
        norm(at + "post_attention_layernorm", hidden)
        matrix(at + "mlp.gate_proj", ffn, hidden)
        matrix(at + "mlp.up_proj", ffn, hidden)
        matrix(at + "mlp.down_proj", hidden, ffn)
        if config["model_type"] == "bitnet":
            norm(at + "self_attn.attn_sub_norm", hidden)
            norm(at + "mlp.ffn_sub_norm", ffn)
    norm("model.norm", hidden)
    if not config["tie_word_embeddings"]:
        add("lm_head.weight", c["head"], [VOCAB, hidden], 0.0, 0.125)
    return out


def draws(name, n):
    """n numbers of SplitMix64 whose state begins as FNV-1a of a name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def data(c, t):
    """The bytes of a tensor in the file, as an array of its shape."""
    z = draws(c["name"] + "/" + t["name"], int(np.prod(t["shape"])))
    if t["dtype"] == "U8":  # four codes of 0, 1, 2
        codes = sum(((z >> np.uint64(16 * i) & np.uint64(0xFFFF)) * np.uint64(3) >> np.uint64(16)) << np.uint64(2 * i) for i in range(4))
        return codes.astype(np.uint8).reshape(t["shape"])
    u = (z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    values = np.float32(t["offset"]) + np.float32(t["scale"]) * u
    if t["dtype"] == "BF16":
        return (values.view(np.uint32) >> 16).astype(np.uint16).reshape(t["shape"])
    if t["dtype"] == "F16":
        return values.astype(np.float16).reshape(t["shape"])
    return values.reshape(t["shape"])


def tensor(t, array):
    """What a loader makes of it: float32 of BF16 and F16, which is exact."""
    if t["dtype"] == "F16":
        array = array.astype(np.float32)
    if t["dtype"] == "BF16":
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return torch.from_numpy(array.copy())


# ---- transformers ---------------------------------------------------------------------------------------------------


def build(c, state):
    """The model of a case in the current precision, loaded as transformers loads it."""
    from transformers.integrations.bitnet import replace_with_bitnet_linear
    from transformers.models.bitnet import configuration_bitnet, modeling_bitnet
    from transformers.models.llama import configuration_llama, modeling_llama
    from transformers.models.qwen3 import configuration_qwen3, modeling_qwen3

    config_class, model_class = {
        "llama": (configuration_llama.LlamaConfig, modeling_llama.LlamaForCausalLM),
        "qwen3": (configuration_qwen3.Qwen3Config, modeling_qwen3.Qwen3ForCausalLM),
        "bitnet": (configuration_bitnet.BitNetConfig, modeling_bitnet.BitNetForCausalLM),
    }[c["config"]["model_type"]]
    config = config_class(**json.loads(json.dumps(c["config"])))
    model = model_class(config)
    quantization = c["config"].get("quantization_config")
    if quantization:  # defaults of transformers' BitNetQuantConfig
        defaults = {"linear_class": "bitlinear", "quantization_mode": "offline", "use_rms_norm": False, "rms_norm_eps": 1e-6}
        replace_with_bitnet_linear(model, quantization_config=SimpleNamespace(**(defaults | quantization)))
    state = dict(state)
    if config.tie_word_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    return model.eval()


def run(model, tokens):
    """Logits [n, vocab], and [n, ...] what was rounded of each position, and what of weights."""
    activations, weights = [], []
    original = torch.Tensor.round

    def note(x, *args, **kwargs):
        (activations if x.dim() == 3 else weights).append(x.detach().double().numpy())
        return original(x, *args, **kwargs)

    torch.Tensor.round = note
    try:
        with torch.no_grad():
            logits = model(torch.tensor([tokens]), use_cache=False).logits[0].double().numpy()
    finally:
        torch.Tensor.round = original
    return logits, np.concatenate([a[0] for a in activations], axis=1) if activations else np.zeros((len(tokens), 0)), weights


def distance(x):
    """From the nearest number at which rounding goes from one integer to another."""
    return np.abs(x - np.floor(x) - 0.5)


class Pair:
    """A case in both precisions."""

    def __init__(self, c, state):
        self.single = build(c, state)
        with transformers_source.doubles():
            self.double = build(c, state)

    def __call__(self, tokens):
        with transformers_source.doubles():
            logits, rounded, weights = run(self.double, tokens)
        logits32, rounded32, weights32 = run(self.single, tokens)
        for w, w32 in zip(weights, weights32):
            near = np.abs(w) < 1  # beyond, all is 1
            if np.any(distance(w[near]) <= 2 * np.abs(w - w32).max() + 4 * EPSILON):
                raise SystemExit("a master lies where single precision does not tell one trit from another; rename the case")
        doubt = 2 * np.abs(rounded - rounded32).max(axis=1, initial=0) + 4 * EPSILON * 127
        clear = rounded.size == 0 or np.all(distance(rounded) > doubt[:, None])
        return logits, logits32, clear


def prompt(c, pair, length):
    """Tokens drawn one after another; one of them that puts an activation so near a boundary that two programs may round it differently is
    left out."""
    tokens = []
    drawn = (int(z) for z in draws(f"{c['name']}/prompt {length}", 100 * length) % np.uint64(VOCAB))
    left_out = 0
    while len(tokens) < length:
        tokens.append(next(drawn))
        if not pair(tokens)[2]:
            tokens.pop()
            left_out += 1
    return tokens, left_out


def main(source):
    transformers_source.load(source)
    torch.set_num_threads(1)
    here = Path(__file__).parent
    made = []
    for c in CASES:
        specs = tensors(c)
        arrays = [data(c, t) for t in specs]
        digest = hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()
        pair = Pair(c, {t["name"]: tensor(t, a) for t, a in zip(specs, arrays)})
        prompts, rows, spread = [], [], 0.0
        for length in LENGTHS:
            tokens, left_out = prompt(c, pair, length)
            logits, logits32, clear = pair(tokens)
            assert clear
            prompts.append(tokens)
            rows.append(logits)
            spread = max(spread, np.abs(logits - logits32).max())
            top = np.sort(logits, axis=1)
            print(f"{c['name']}, {length} tokens: {left_out} left out, |logits| {np.abs(logits).max():.3g}, float32 is off by "
                  f"{np.abs(logits - logits32).max():.3g}, first above second by {(top[:, -1] - top[:, -2]).min():.3g}")
        np.concatenate(rows).astype("<f4").tofile(here / (c["name"] + ".logits.f32"))
        made.append({"name": c["name"], "config": c["config"], "sha256": digest, "float32_error": float(spread), "prompts": prompts,
                     "tensors": specs})
    rows = ",\n".join(json.dumps(m) for m in made)
    (here / "cases.json").write_text("[\n" + rows + "\n]\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(sys.argv[1])
