"""Quantisation-aware training of a small BitNet b1.58 language model: ternary weights, int8 activations, straight-through gradients.

    python3 train.py TOKENS OUT.pt --minutes 100 [--layers 6 --ffn 768 ...] [--log log.txt]

TOKENS is what prepare.py wrote. Continues from OUT.pt if it is there. Uses CUDA if there is any, else the CPU.
The schedule follows the clock, not the step count, so that a run on a busy machine still ends with its learning rate at zero.
"""
import argparse, json, math, os, time
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F

EPS = 1e-5


def ternary(w):
    """absmean per matrix; w is a stack of matrices [..., out, in]."""
    s = w.abs().mean((-1, -2), keepdim=True).clamp(min=1e-5)
    return (w / s).round_().clamp_(-1, 1).mul_(s)


class Ternary(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w):
        return ternary(w)

    @staticmethod
    def backward(ctx, g):
        return g


class NormLinear(torch.autograd.Function):
    """RMSNorm, int8 per token, matrix product: one node, because on a CPU each elementwise pass over the activations costs."""
    @staticmethod
    def forward(ctx, x, gain, w):
        r = x.square().mean(-1, keepdim=True).add_(EPS).rsqrt_()
        x = x * r
        q = x * gain
        s = q.abs().amax(-1, keepdim=True).clamp_(min=1e-5).reciprocal_().mul_(127)
        q.mul_(s).round_().clamp_(-128, 127).div_(s)
        ctx.save_for_backward(x, r, gain, q, w)
        return q @ w.t()

    @staticmethod
    def backward(ctx, gy):
        x, r, gain, q, w = ctx.saved_tensors
        gw = gy.t() @ q
        gn = gy @ w
        gx = gn * x
        ggain = gx.sum(0)
        c = (gx @ gain).div_(x.shape[-1]).unsqueeze(-1)
        return gn.mul_(gain).sub_(x * c).mul_(r), ggain, gw


class Gate(torch.autograd.Function):
    """relu(gate)^2 * up on the concatenated [gate, up]."""
    @staticmethod
    def forward(ctx, gu):
        g, u = gu.chunk(2, -1)
        g = g.relu()
        ctx.save_for_backward(g, u)
        return g.square().mul_(u)

    @staticmethod
    def backward(ctx, gy):
        g, u = ctx.saved_tensors
        out = gy.new_empty(gy.shape[0], 2 * gy.shape[1])
        a, b = out.chunk(2, -1)
        gy = gy * g
        torch.mul(gy, u, out=a).mul_(2)
        torch.mul(gy, g, out=b)
        return out


class HeadLoss(torch.autograd.Function):
    """Tied head and cross-entropy in row chunks; the gradient is made on the way forward, so the logits never leave the cache."""
    @staticmethod
    def forward(ctx, h, emb, y):
        n = (y >= 0).sum()
        total, gh, ge = h.new_zeros(()), torch.empty_like(h), torch.zeros_like(emb)
        for i in range(0, len(h), 512):
            hc, yc = h[i:i + 512], y[i:i + 512]
            ok = (yc >= 0).unsqueeze(-1)
            yc = yc.clamp(min=0).unsqueeze(-1)
            p = hc @ emb.t()
            top = p.amax(-1, keepdim=True)
            at = p.gather(1, yc)
            p.sub_(top).exp_()
            z = p.sum(-1, keepdim=True)
            total += ((z.log() + top - at) * ok).sum()
            p.mul_(ok / (z * n))
            p.scatter_add_(1, yc, -(ok / n).to(p.dtype))
            torch.mm(p, emb, out=gh[i:i + 512])
            ge.addmm_(p.t(), hc)
        ctx.save_for_backward(gh, ge)
        return total / n

    @staticmethod
    def backward(ctx, g):
        gh, ge = ctx.saved_tensors
        return gh * g, ge * g, None


class Lm(nn.Module):
    """microsoft/bitnet-b1.58-2B-4T's graph. Matrices of all layers lie in one stack, which lets the optimiser treat them in one go."""
    def __init__(self, c):
        super().__init__()
        self.c = c
        L, d, f, q, kv = c["layers"], c["dim"], c["ffn"], c["heads"] * 64, c["kv"] * 64
        w = lambda o, i, s=1.0: nn.Parameter(torch.randn(L, o, i) * s / math.sqrt(i))
        ones = lambda *n: nn.Parameter(torch.ones(*n))
        small = 1 / math.sqrt(2 * L)
        self.q, self.k, self.v, self.o = w(q, d), w(kv, d), w(kv, d), w(d, q, small)
        self.gate, self.up, self.down = w(f, d), w(f, d), w(d, f, small)
        self.attn_norm, self.attn_sub, self.ffn_norm, self.ffn_sub = ones(L, d), ones(L, q), ones(L, d), ones(L, f)
        self.emb = nn.Parameter(torch.randn(c["vocab"], d) * 0.06)
        self.norm = nn.Parameter(torch.full((d,), 0.4))      # keeps the first logits small though the embedding is not
        ang = torch.outer(torch.arange(4096.0), 10000.0 ** (-torch.arange(0, 64, 2).float() / 64))
        self.register_buffer("cos", ang.cos(), False)
        self.register_buffer("sin", ang.sin(), False)

    def hidden(self, ids):
        c = self.c
        (B, T), H, K = ids.shape, c["heads"], c["kv"]
        wq = {n: Ternary.apply(getattr(self, n)) for n in ("q", "k", "v", "o", "gate", "up", "down")}
        qkv = torch.cat([wq["q"] * 0.125, wq["k"], wq["v"]], 1)      # 1/sqrt(64) costs nothing here
        gu = torch.cat([wq["gate"], wq["up"]], 1)
        cos, sin = self.cos[:T, None], self.sin[:T, None]
        mask = torch.full((T, T), -1e30, device=ids.device).triu(1)
        x = F.embedding(ids.flatten(), self.emb)
        for l in range(c["layers"]):
            h = NormLinear.apply(x, self.attn_norm[l], qkv[l]).view(B, T, H + 2 * K, 64)
            a, b = h[:, :, :H + K].chunk(2, -1)
            r = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
            # heads that share a key/value head become extra query rows, so that keys need no copies
            q = r[:, :, :H].reshape(B, T, K, H // K, 64).permute(0, 2, 3, 1, 4).reshape(B * K, H // K * T, 64)
            k = r[:, :, H:].transpose(1, 2).reshape(B * K, T, 64)
            v = h[:, :, H + K:].transpose(1, 2).reshape(B * K, T, 64)
            s = torch.bmm(q, k.transpose(1, 2)).view(B * K, H // K, T, T).add_(mask).softmax(-1)
            o = torch.bmm(s.view(B * K, -1, T), v).view(B, K, H // K, T, 64).permute(0, 3, 1, 2, 4).reshape(B * T, H * 64)
            x = x + NormLinear.apply(o, self.attn_sub[l], wq["o"][l])
            x = x + NormLinear.apply(Gate.apply(NormLinear.apply(x, self.ffn_norm[l], gu[l])), self.ffn_sub[l], wq["down"][l])
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPS) * self.norm

    def loss(self, x, y):
        return HeadLoss.apply(self.hidden(x), self.emb, y.flatten())


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised by five Newton-Schulz steps (Jordan et al. 2024), for stacks of matrices."""
    def __init__(self, params, lr, momentum=0.95, decay=0.0):
        super().__init__(params, dict(lr=lr, momentum=momentum, decay=decay))

    @torch.no_grad()
    def step(self):
        for g in self.param_groups:
            for p in g["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                m.mul_(g["momentum"]).add_(p.grad)
                x = p.grad.add(m, alpha=g["momentum"])
                tall = x.shape[-2] > x.shape[-1]
                if tall:
                    x = x.transpose(-1, -2)
                x = x / (x.norm(dim=(-1, -2), keepdim=True) + 1e-12)
                for _ in range(5):
                    a = x @ x.transpose(-1, -2)
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
                if tall:
                    x = x.transpose(-1, -2)
                p.mul_(1 - g["lr"] * g["decay"]).add_(x, alpha=-g["lr"] * max(1, p.shape[-2] / p.shape[-1]) ** 0.5)


class Data:
    """Rows of EOT plus a piece of the stream. A quarter begin where a document begins; the others begin anywhere, with the first
    target masked: the model learns that position 0 is always EOT (the attention sink of the rolling window) and says nothing."""
    def __init__(self, folder, split, eot, length):
        self.eot, self.len = eot, length
        self.part = {k: np.fromfile(os.path.join(folder, f"{split}-{k}.bin"), np.uint16) for k in ("plain", "broad")}
        self.starts = {k: np.flatnonzero(d[:-length - 1] == eot) + 1 for k, d in self.part.items()}

    def rows(self, at, kinds):
        x = np.stack([self.part[k][i - 1:i + self.len] for i, k in zip(at, kinds)]).astype(np.int64)
        x[x[:, 0] != self.eot, 1] += 1 << 20                  # marks the target to mask
        y = x[:, 1:].copy()
        y[y >= 1 << 20] = -1
        x = x[:, :-1] & 0xFFFF
        x[:, 0] = self.eot
        return torch.from_numpy(x), torch.from_numpy(y)

    def batch(self, rng, n, plain):
        kinds = ["plain" if rng.random() < plain else "broad" for _ in range(n)]
        at = [rng.choice(self.starts[k]) if rng.random() < 0.25 else rng.integers(1, len(self.part[k]) - self.len) for k in kinds]
        return self.rows(at, kinds)

    def whole(self, kind, limit):
        at = np.arange(1, len(self.part[kind]) - self.len, self.len)
        at = at[np.linspace(0, len(at) - 1, min(limit, len(at))).astype(int)]
        return self.rows(at, [kind] * len(at))


@torch.no_grad()
def evaluate(model, xy, size, dev):
    nats = tokens = n_bytes = 0
    for x, y in zip(xy[0].split(16), xy[1].split(16)):
        n = (y >= 0).sum().item()
        nats += model.loss(x.to(dev), y.to(dev)).item() * n
        tokens += n
        n_bytes += size[y[y >= 0]].sum().item()
    return nats / tokens, nats / n_bytes


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("tokens"), ap.add_argument("out")
    for n, v in dict(dim=256, layers=6, heads=4, kv=2, ffn=768, batch=16, len=256, seed=1).items():
        ap.add_argument("--" + n, type=int, default=v)
    for n, v in dict(minutes=100, muon=0.02, adam=4e-3, decay=0.1, hold=0.35, every=3).items():
        ap.add_argument("--" + n, type=float, default=v)
    ap.add_argument("--log", default="")
    ap.add_argument("--adamw", type=float, default=0, help="use AdamW at this rate for the matrices too (for comparison)")
    a = ap.parse_args()
    meta = json.load(open(os.path.join(a.tokens, "meta.json")))
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(a.seed)
    done, seen, step = 0.0, 0, 0
    state = torch.load(a.out, map_location=dev) if os.path.exists(a.out) else None
    c = state["config"] if state else dict(dim=a.dim, layers=a.layers, heads=a.heads, kv=a.kv, ffn=a.ffn, vocab=meta["vocab"], len=a.len)
    model = Lm(c).to(dev)
    mats = [getattr(model, n) for n in ("q", "k", "v", "o", "gate", "up", "down")]
    rest = [p for p in model.parameters() if not any(p is m for m in mats)]
    adam = torch.optim.AdamW([dict(params=rest, peak=a.adam)], betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0)
    if a.adamw:
        adam.add_param_group(dict(params=mats, peak=a.adamw, weight_decay=0.05))
    muon = Muon([dict(params=mats if not a.adamw else [nn.Parameter(torch.zeros(0, 1, 1))], peak=a.muon)], lr=a.muon, decay=a.decay)
    opts = [adam] if a.adamw else [adam, muon]
    if state:
        model.load_state_dict(state["model"])
        for o, s in zip(opts, state["opt"]):
            o.load_state_dict(s)
        done, seen, step = state["minutes"], state["seen"], state["step"]
    size = [1] * 256
    for line in open(os.path.join(a.tokens, "merges.txt")):
        x, y = map(int, line.split())
        size.append(size[x] + size[y])
    size = torch.tensor(size + [0])
    train, valid = Data(a.tokens, "train", meta["eot"], c["len"]), Data(a.tokens, "valid", meta["eot"], c["len"])
    check = {k: valid.whole(k, 40) for k in ("plain", "broad")}
    rng = np.random.default_rng(a.seed * 1000003 + step)

    def say(text):
        print(text, flush=True)
        if a.log:
            with open(a.log, "a") as f:
                f.write(text + "\n")

    def save(minutes):
        torch.save(dict(model=model.state_dict(), opt=[o.state_dict() for o in opts], minutes=minutes, seen=seen, step=step, config=c), a.out + ".new")
        os.replace(a.out + ".new", a.out)

    say(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, {dev}, {json.dumps(c)}, batch {a.batch}, {a.minutes:g} minutes, "
        + (f"AdamW {a.adamw:g}" if a.adamw else f"Muon {a.muon:g} decay {a.decay:g}") + f", Adam {a.adam:g}")
    t0, last, mean = time.time(), time.time(), None
    while True:
        minutes = done + (time.time() - t0) / 60
        frac = minutes / a.minutes
        if frac >= 1:
            break
        scale = min(1, (step + 1) / 60, (1 - frac) / (1 - a.hold))
        for o in opts:
            for g in o.param_groups:
                g["lr"] = g["peak"] * scale
        # broad text first, plain text mostly while the rate falls
        plain = 0.2 + 0.5 * min(1, max(0, frac - 0.4) / 0.4)
        muon.param_groups[0]["momentum"] = min(0.95, 0.85 + step / 3000)
        x, y = train.batch(rng, a.batch, plain)
        loss = model.loss(x.to(dev), y.to(dev))
        for p in model.parameters():
            p.grad = None
        loss.backward()
        nn.utils.clip_grad_norm_(rest, 1.0)
        for o in opts:
            o.step()
        step, seen = step + 1, seen + a.batch * c["len"]
        mean = loss.item() if mean is None else 0.95 * mean + 0.05 * loss.item()
        if time.time() - last > 60 * a.every:
            v = {k: evaluate(model, xy, size, dev)[0] for k, xy in check.items()}
            minutes = done + (time.time() - t0) / 60
            say(f"{minutes:.1f} min, step {step}, {seen / 1e6:.2f} M tokens, rate {scale:.2f}, train {mean:.3f}, valid plain {v['plain']:.3f} broad {v['broad']:.3f}")
            save(minutes)
            last = time.time()
    save(a.minutes)
    for k in ("plain", "broad"):
        t, b = evaluate(model, valid.whole(k, 10 ** 9), size, dev)
        say(f"end, step {step}, {seen / 1e6:.2f} M tokens, valid {k}: {t:.4f} nats per token (perplexity {math.exp(t):.2f}), {b:.4f} per byte (perplexity {math.exp(b):.3f})")


if __name__ == "__main__":
    main()
