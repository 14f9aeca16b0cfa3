#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets: small whole inputs of each kind, from which a fuzzer goes on. Usage: tests/fuzz/seeds.py"""
import json
import os
import struct

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
JAVA = os.path.join(ROOT, "resources", "dev", "tern", "format")
U32, F32, BOOL, STRING, ARRAY = 4, 6, 7, 8, 9
PACK = {0: "B", 1: "b", 2: "H", 3: "h", U32: "I", 5: "i", F32: "f", BOOL: "B", 10: "Q", 11: "q", 12: "d"}


def put(path, name, data):
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, name), "wb") as f:
        f.write(data)


def string(s):
    s = s.encode()
    return struct.pack("<Q", len(s)) + s


def value(kind, v):
    return string(v) if kind == STRING else struct.pack("<" + PACK[kind], v)


def gguf(pairs, tensors=(), version=3):
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    for key, kind, v in pairs:
        head += string(key)
        if isinstance(v, list):
            head += struct.pack("<IIQ", ARRAY, kind, len(v)) + b"".join(value(kind, x) for x in v)
        else:
            head += struct.pack("<I", kind) + value(kind, v)
    data = b""
    for name, kind, dims, content in tensors:
        head += string(name) + struct.pack("<I", len(dims)) + struct.pack("<%dQ" % len(dims), *dims) + struct.pack("<IQ", kind, len(data))
        data += content + bytes(-len(content) % 32)
    return head + bytes(-len(head) % 32) + data


T = "tokenizer.ggml."
LETTERS = [chr(c) for c in range(33, 127)]
BPE = [("general.architecture", STRING, "llama"), (T + "model", STRING, "gpt2"), (T + "pre", STRING, "llama-bpe"),
       (T + "tokens", STRING, LETTERS + ["ab", "\u0120a", "<s>", "<u>"]), (T + "token_type", 5, [1] * 96 + [3, 4]),
       (T + "merges", STRING, ["a b"]), (T + "bos_token_id", U32, 96), (T + "add_bos_token", BOOL, 1)]
SPM = [("general.architecture", STRING, "llama"), (T + "model", STRING, "llama"),
       (T + "tokens", STRING, ["<unk>", "<s>", "</s>", "<0x41>", "\u2581", "a", "b", "ab"]),
       (T + "scores", F32, [0, 0, 0, 0, -1, -2, -3, -1.5]), (T + "token_type", 5, [2, 3, 3, 6, 1, 1, 1, 1]),
       (T + "unknown_token_id", U32, 0), (T + "eos_token_id", U32, 2)]


def model(arch):
    pairs = [(arch + "." + k, U32, v) for k, v in (("context_length", 16), ("embedding_length", 8), ("block_count", 1), ("feed_forward_length", 8),
                                                  ("attention.head_count", 1))]
    pairs += [(arch + ".attention.layer_norm_rms_epsilon", F32, 1e-5), ("general.name", STRING, "tiny")]
    spm = [("general.architecture", STRING, arch)] + SPM[1:]
    names = ["attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"]
    if arch != "llama":
        names += ["attn_sub_norm", "ffn_sub_norm"]
    tensors = [("token_embd.weight", 1, [8, 8], bytes(128)), ("output_norm.weight", 0, [8], bytes(32))]
    tensors += [("blk.0.%s.weight" % n, 1, [8] if n.endswith("norm") else [8, 8], bytes(16 if n.endswith("norm") else 128)) for n in names]
    tensors += [("blk.0.attn_q.scale", 0, [1], struct.pack("<f", 2))] if arch != "llama" else []
    return gguf(spm + pairs, tensors)


def safetensors(tensors):
    head, at = {"__metadata__": {"format": "pt"}}, 0
    for name, dtype, shape, content in tensors:
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
    return json.dumps(head).encode(), b"".join(t[3] for t in tensors)


def hf(packed):
    config = {"model_type": "bitnet" if packed else "llama", "num_hidden_layers": 1, "hidden_size": 256 if packed else 8, "intermediate_size": 256 if packed else 8,
              "num_attention_heads": 1, "head_dim": 256 if packed else 8, "vocab_size": 8, "max_position_embeddings": 16, "rms_norm_eps": 1e-5,
              "tie_word_embeddings": True, "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
                                                           "original_max_position_embeddings": 8}}
    tensors = [("model.embed_tokens.weight", "F16", [8, 8], bytes(128)), ("model.norm.weight", "F32", [8], bytes(32))]
    if packed:
        config["quantization_config"] = {"quant_method": "bitnet", "linear_class": "autobitlinear"}
        tensors += [("model.layers.0.self_attn.k_proj.weight", "U8", [1, 256], bytes(256)),
                    ("model.layers.0.self_attn.k_proj.weight_scale", "F32", [1], struct.pack("<f", 0.3))]
        tensors += [("model.layers.0.mlp.up_proj.weight", "BF16", [1, 256], struct.pack("<256H", *[0x3f80] * 256))]
    else:
        tensors += [("model.layers.0.self_attn.q_proj.weight", "BF16", [8, 8], bytes(128))]
    head, data = safetensors(tensors)
    parts = [json.dumps(config).encode(), TOKENIZER, b"{\"bos_token\":{\"content\":\"<s>\"}}", b"{\"eos_token_id\":[2]}", b"{{ messages }}", b"", head]
    return b"\xff".join(parts) + b"\xff" + data


PRE = {"type": "ByteLevel", "add_prefix_space": False}
TOKENIZER = json.dumps({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}, "pre_tokenizer": PRE,
                        "added_tokens": [{"id": 3, "content": "<s>", "special": True}],
                        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]}}).encode()
TOKENIZER_SPM = json.dumps({"model": {"type": "BPE", "byte_fallback": True, "unk_token": "<unk>", "vocab": {"<unk>": 0, "<0x41>": 1, "\u2581": 2, "a": 3, "\u2581a": 4},
                                      "merges": [["\u2581", "a"]]}, "normalizer": {"type": "Prepend", "prepend": "\u2581"}, "added_tokens": []}).encode()
LLAMA3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
TOKENIZER_SPLIT = json.dumps({"model": {"vocab": {"a": 0}, "merges": [], "ignore_merges": True}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "behavior": "Isolated", "invert": False, "pattern": {"Regex": LLAMA3}}, {"type": "ByteLevel", "use_regex": False}]}}).encode()

out = os.path.join(JAVA, "GgufFuzzTestInputs", "gguf")
put(out, "empty", gguf([], version=2))
put(out, "values", gguf([("k%d" % k, k, 1) for k in PACK] + [("a%d" % k, k, [0, 1]) for k in PACK] + [("s", STRING, ["", "x"]), ("general.alignment", U32, 64)]))
put(out, "tensors", gguf([], [("a", 0, [2, 3], bytes(24)), ("b", 8, [32], bytes(34)), ("c", 35, [256], bytes(66)), ("d", 36, [128], bytes(64)), ("e", 135, [64, 2], bytes(40))]))
put(out, "bpe", gguf(BPE))
put(out, "spm", gguf(SPM))
put(out, "llama", model("llama"))
put(out, "bitnet", model("bitnet-b1.58"))

out = os.path.join(JAVA, "HfFuzzTestInputs", "safetensors")
for name, tensors in (("none", []), ("two", [("a", "F32", [2], bytes(8)), ("b", "U8", [1, 0, 3], b"")])):
    head, data = safetensors(tensors)
    put(out, name, struct.pack("<Q", len(head)) + head + data)
out = os.path.join(JAVA, "HfFuzzTestInputs", "directory")
put(out, "llama", hf(False))
put(out, "bitnet", hf(True))
put(out, "heads-of-one", hf(False).replace(b'"head_dim": 8', b'"head_dim": 1'))  # factors for no pair of elements

out = os.path.join(JAVA, "TokenizerFuzzTestInputs", "tokenizerJson")
put(out, "bytelevel", TOKENIZER)
put(out, "fallback", TOKENIZER_SPM)
put(out, "split", TOKENIZER_SPLIT)
out = os.path.join(JAVA, "TokenizerFuzzTestInputs", "text")
texts = {
    "words": "ab abc  I'll 1234\r\n<user> <end>\u2581 ".encode(),
    "unicode": "\u00e9\u4e2d\U0001f999\u0661\u017f\u3000".encode(),
    "surrogates": struct.pack("<4H", 0xd800, 0x61, 0xdc00, 0xd83e),
    "composed": struct.pack("<4H", 0x2adc, 0x3e, 0x338, 0xd83e),  # what Qwen 2 takes apart and puts together
    "not-utf8": bytes([0xc3, 0x28, 0xff, 0xf0, 0x9f, 0x80]),
    "tokens": b"\xff" * 4096,  # as many tokens as a text can have
}
for name, text in texts.items():
    for kind in range(8):  # the tokenizer, and how bytes are text
        put(out, "%s-%d" % (name, kind), bytes([kind]) + text)

# Chat templates: those that are checked against Jinja, and one with a bit of everything.
with open(os.path.join(ROOT, "data", "chat", "cases.json")) as f:
    templates = [case["template"] for case in json.load(f)["cases"]]
longest = sorted(set(templates), key=lambda t: (-len(t), t))[:24]
for i, template in enumerate(longest):
    put(os.path.join(ROOT, "resources", "dev", "tern", "jinja", "TemplateFuzzTestInputs", "chatTemplate"), "%02d" % i, template.encode())

# Little templates with much to do: shared lists, long searches, sorts of long texts, orders that are not transitive. HostileTemplateTest
# has the same at full size; instrumented code takes too long for that.
share = "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"
long = "{% set k = 'a' * 999 %}"
hostile = [
    share + "{{ ns.x < ns.x }}", share + "{{ [ns.x, [ns.x]] | sort | unique }}", share + "{{ [1] | tojson(separators=[ns.x, 'a']) }}",
    long + "{{ (k ~ k).find(k ~ 'b') }}", long + "{{ k ~ 'b' in k ~ k ~ k }}", long + "{{ k.strip('b' * 999 ~ 'a') | length }}",
    "{% set k = 'A' * 999 %}{{ ([k] * 99) | sort | length }}", "{{ ('x,' * 99).rsplit(',', 90) | length }}",
    long + "{{ ([{'x': 1}] * 99) | map(attribute=k ~ '.' ~ k, default=1) | list | length }}",
    "{{ ([9007199254740992, 9007199254740993, 9007199254740992.0, 9007199254740994, 1e308 * 10 - 1e308 * 10] * 100) | sort | length }}",
    "{{ 'a' | map(*(['map'] * 500)) | list }}", "{{ ([07199/5410] * 32100) | sort}}", "{{ 'a'.ljust(4611686018427387904) }}{{ '%-9.3s|%+06.2f' % ('\U0001f600', 1.5) }}",
]
for i, template in enumerate(hostile):
    put(os.path.join(ROOT, "resources", "dev", "tern", "jinja", "TemplateFuzzTestInputs", "chatTemplate"), "hostile%02d" % i, template.encode())
