"""Makes llama-bpe.tokens.gz of Llama 3's tokenizer.model: python3 llama3_tokens.py tokenizer.model llama-bpe.tokens.gz

The model file has a line "<base64> <rank>" for each token; the result has one byte of length and the token's bytes, in rank order.
The merges follow from the ranks: every split of a token into two tokens is a merge, tokens in rank order, splits by the ranks of
their halves. With tokenizer.json as third argument this is checked against the merges that Hugging Face's converter wrote.
"""
import base64
import gzip
import json
import sys


def merges(tokens, spell):
    rank = {t: i for i, t in enumerate(tokens)}
    for token in tokens:
        halves = [(rank[token[:k]], rank[token[k:]]) for k in range(1, len(token)) if token[:k] in rank and token[k:] in rank]
        for left, right in sorted(halves):
            yield spell(tokens[left]) + " " + spell(tokens[right])


def main():
    with open(sys.argv[1], "rb") as f:
        lines = [line.split() for line in f]
    assert [int(r) for _, r in lines] == list(range(len(lines)))
    tokens = [base64.b64decode(t) for t, _ in lines]
    with open(sys.argv[2], "wb") as f:
        f.write(gzip.compress(b"".join(bytes([len(t)]) + t for t in tokens), 9, mtime=0))
    if len(sys.argv) > 3:
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [b for b in range(256) if b not in printable]
        alphabet = {**{b: chr(b) for b in printable}, **{b: chr(256 + i) for i, b in enumerate(others)}}
        with open(sys.argv[3]) as f:
            expected = json.load(f)["model"]["merges"]
        assert list(merges(tokens, lambda t: "".join(alphabet[b] for b in t))) == expected
        print("all", len(expected), "merges as in", sys.argv[3])


if __name__ == "__main__":
    main()
