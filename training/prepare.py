"""Clean a folder of children's stories, learn a byte-level BPE on it, write token files.

    python3 prepare.py CORPUS OUT [--vocab 4096] [--broad-mb 30]

CORPUS holds one folder per source with .txt files and manifest.tsv (set, split, file, ...; splits are by document).
The sets in PLAIN are taken whole. From the others the sections that look most like PLAIN are taken, up to --broad-mb.
OUT gets merges.txt, meta.json and {train,valid}-{plain,broad}.bin: uint16 ids, every document preceded by <|endoftext|>.
"""
import argparse, collections, heapq, json, math, os, unicodedata
import numpy as np
import regex as re

PLAIN = ("fairytaleqa", "african-storybook-ccby")
# GPT-2's pre-tokeniser, unchanged, so that any GGUF reader that knows "gpt-2" splits text as we did.
PIECE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")

PLAIN_CHARS = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "`": "'", "\u00b4": "'", "\u201c": '"', "\u201d": '"',
                             "\u201e": '"', "\u00ab": '"', "\u00bb": '"', "\u2013": "-", "\u2014": "--", "\u2015": "--", "\u2212": "-",
                             "\u2010": "-", "\u2011": "-", "\u2026": "...", "\u00a0": " ", "\u00e6": "ae", "\u0153": "oe", "\u00c6": "Ae",
                             "\u0152": "Oe", "_": "", "\ufeff": ""})
NOISE = re.compile(r"gutenberg|copyright|transcrib|footnote|proofread|typograph|frontispiece|illustrat|http|www\.|[|{}<>=\\^~@#$%+]", re.I)
HEADING = re.compile(r"(?:chapter|part|book|story)\s+(?:[ivxlc]+|\d+|\w+)\b", re.I)
UPPER, LOWER = bytes(range(65, 91)), bytes(range(97, 123))
WORD = re.compile(r"[a-z]+")


def paragraphs(text):
    """Yield cleaned paragraphs; None stands for a heading, where a new story or chapter begins."""
    text = text.replace("\r", "").translate(PLAIN_CHARS)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"\[[^\]]{0,600}\]", " ", text).replace("''", '"').replace("##", "")
    for p in re.split(r"\n\s*\n", text):
        p = re.sub(r"\s+", " ", p).strip(" *")
        p = re.sub(r" +([,.;:!?])(?=\s|$)", r"\1", p)
        p = re.sub(r"-{3,}", "--", p)
        p = re.sub(r"\b(?:\. ){2,}\.?|\.{4,}", "...", p)
        b = p.encode()
        upper, lower, digits = (len(b) - len(b.translate(None, s)) for s in (UPPER, LOWER, b"0123456789"))
        letters = upper + lower
        if letters < 2:
            continue
        if upper > 0.4 * letters or (HEADING.match(p) and len(p) < 100):
            yield None
        elif p[-1] not in ".!?\"':;,-)" or digits > 0.05 * len(p) or letters < 0.6 * len(p) or NOISE.search(p):
            continue                        # titles, tables, page notes
        else:
            yield p


def sections(text, least, most=24000):
    """Stories and chapters: cut at headings, but only after `least` characters, and in any case after `most`."""
    out, size = [], 0
    for p in paragraphs(text):
        if size >= (least if p is None else most):
            yield "\n\n".join(out)
            out, size = [], 0
        if p:
            out.append(p)
            size += len(p)
    if size >= min(least, 200):
        yield "\n\n".join(out)


def learn(counts, n_merges):
    words = [[list(w.encode()), c] for w, c in counts.items()]
    pairs, where = collections.Counter(), collections.defaultdict(set)
    for i, (w, c) in enumerate(words):
        for p in zip(w, w[1:]):
            pairs[p] += c
            where[p].add(i)
    heap = [(-c, p) for p, c in pairs.items()]
    heapq.heapify(heap)
    merges = []
    while len(merges) < n_merges:
        c, best = heapq.heappop(heap)
        if -c != pairs[best]:               # stale entry: push the true count back
            if pairs[best] > 0:
                heapq.heappush(heap, (-pairs[best], best))
            continue
        new = 256 + len(merges)
        merges.append(best)
        fresh = set()
        for i in where.pop(best):
            w, c = words[i]
            for p in zip(w, w[1:]):
                pairs[p] -= c
            k, out = 0, []
            while k < len(w):
                if k + 1 < len(w) and (w[k], w[k + 1]) == best:
                    out.append(new)
                    k += 2
                else:
                    out.append(w[k])
                    k += 1
            words[i][0] = out
            for p in zip(out, out[1:]):
                pairs[p] += c
                where[p].add(i)
                if new in p:
                    fresh.add(p)
        for p in fresh:
            heapq.heappush(heap, (-pairs[p], p))
    return merges


class Bpe:
    def __init__(self, merges):
        self.rank = {tuple(m): 256 + i for i, m in enumerate(merges)}
        self.cache = {}

    def word(self, w):
        ids = self.cache.get(w)
        if ids is None:
            ids = list(w.encode())
            while len(ids) > 1:
                r, k = min((self.rank.get(p, 1 << 30), k) for k, p in enumerate(zip(ids, ids[1:])))
                if r == 1 << 30:
                    break
                ids[k:k + 2] = [r]
            self.cache[w] = ids
        return ids

    def encode(self, text):
        return [i for w in PIECE.findall(text) for i in self.word(w)]


def load_merges(path):
    return [tuple(map(int, line.split())) for line in open(path)]


def token_bytes(merges):
    out = [bytes([b]) for b in range(256)]
    for a, b in merges:
        out.append(out[a] + out[b])
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("corpus"), ap.add_argument("out")
    ap.add_argument("--vocab", type=int, default=4096)
    ap.add_argument("--broad-mb", type=float, default=30)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)

    docs = {"train": {"plain": [], "broad": []}, "valid": {"plain": [], "broad": []}}
    for line in list(open(os.path.join(a.corpus, "manifest.tsv"), encoding="utf-8"))[1:]:
        name, split, file = line.split("\t")[:3]
        path = os.path.join(a.corpus, name, file)
        if split in docs and os.path.exists(path):
            plain = name in PLAIN
            text = open(path, encoding="utf-8", errors="replace").read()
            docs[split]["plain" if plain else "broad"] += sections(text, 1 << 30 if plain else 1500, 1 << 30 if plain else 24000)

    # Plainness of a section: cross-entropy of its words under a unigram model of PLAIN, and sentence length.
    uni = collections.Counter(w for t in docs["train"]["plain"] for w in WORD.findall(t.lower()))
    total = sum(uni.values()) + 60000

    def measure(t):
        words = WORD.findall(t.lower())
        return (sum(-math.log((uni[w] + 0.5) / total) for w in words) / len(words),
                min(40, len(words) / max(1, len(re.findall(r"[.!?]", t)))))

    m = np.array([measure(t) for t in docs["train"]["broad"]])
    mean, std = m.mean(0), m.std(0)
    score = lambda x: float(((np.array(x) - mean) / std) @ (1.0, 0.4))
    order = np.argsort([score(x) for x in m])
    kept, size = [], 0
    for i in order:
        if size > a.broad_mb * 1e6:
            break
        kept.append(i)
        size += len(docs["train"]["broad"][i])
    limit = score(m[kept[-1]])
    docs["train"]["broad"] = [docs["train"]["broad"][i] for i in sorted(kept)]
    docs["valid"]["broad"] = [t for t in docs["valid"]["broad"] if score(measure(t)) <= limit]

    counts = collections.Counter()
    for kind, weight in (("plain", 3), ("broad", 1)):
        for t in docs["train"][kind]:
            for w in PIECE.findall(t):
                counts[w] += weight
    merges = learn(counts, a.vocab - 257)   # 256 bytes, merges, <|endoftext|>
    with open(os.path.join(a.out, "merges.txt"), "w") as o:
        o.writelines(f"{x} {y}\n" for x, y in merges)
    bpe, eot = Bpe(merges), a.vocab - 1
    meta = {"vocab": a.vocab, "eot": eot}
    for split, kinds in docs.items():
        for kind, texts in kinds.items():
            ids = np.array([i for t in texts for i in [eot] + bpe.encode(t)] + [eot], np.uint16)
            ids.tofile(os.path.join(a.out, f"{split}-{kind}.bin"))
            meta[f"{split}-{kind}"] = {"documents": len(texts), "bytes": sum(len(t) for t in texts), "tokens": len(ids)}
            print(split, kind, meta[f"{split}-{kind}"], flush=True)
    json.dump(meta, open(os.path.join(a.out, "meta.json"), "w"), indent=1)


if __name__ == "__main__":
    main()
