"""Answers to the exercises of the chapter on systems of many machines."""

PAGE = "13_beyond_the_laptop"

RIGHT = {
    "ex-beyond-clock": {
        "numbers": "4, 3, 8",
        "sums": "3 + 1, max(3, 1), 8",
        "floats": "4.0, 3.0, 8.0",
    },
    "ex-beyond-mean": {
        "a sum": "return (token_losses * mask).sum() / all_tokens * learners",
        "one factor": "return learners / all_tokens * torch.sum(mask * token_losses)",
        "chosen tokens": "return token_losses[mask.bool()].sum() * learners / all_tokens",
        "where": "return torch.where(mask > 0, token_losses, 0.0).sum() / (all_tokens / learners)",
        "a loop": """
            total = torch.zeros(())
            for row, kept in zip(token_losses, mask):
                for loss, counts in zip(row, kept):
                    if counts:
                        total = total + loss
            return learners * total / all_tokens
        """,
        "float64, einsum": """
            return torch.einsum('bt,bt->', token_losses.double(), mask.double()) * (learners / all_tokens)
        """,
        "in place": """
            token_losses *= mask
            token_losses *= learners
            return token_losses.sum() / all_tokens
        """,
        "its own mean, weighed": """
            share = mask.sum() * learners / all_tokens
            return share * (token_losses * mask).sum() / mask.sum()
        """,
        "one element": "return (token_losses * mask * learners / all_tokens).sum().reshape(1, 1)",
        "masked_fill": "return token_losses.masked_fill(mask == 0, 0.0).sum(1).sum() / all_tokens * learners",
    },
    "ex-beyond-kept": {
        "numbers": "0.9, 0.430467, 0.105361",
        "rounded": "0.9, 0.43, 0.105",
        "expressions": "0.9, 0.9 ** 8, -torch.tensor(0.9).log()",
        "a power written out": "0.9, 0.9 * 0.9 * 0.9 * 0.9 * 0.9 * 0.9 * 0.9 * 0.9, 0.105",
        "tensors": "torch.tensor(0.9), torch.tensor(0.9).pow(8), torch.tensor(1 / 0.9).log()",
    },
    "ex-beyond-mask": {
        "where": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0) * mask
        """,
        "a comparison as a factor": """
            logs = torch.where(mask > 0, logprobs - old_logprobs, 0.0).sum(-1)[:, None]
            return logs.exp() * (logs.exp() <= cap) * mask
        """,
        "a product": """
            ratio = torch.where(mask > 0, (logprobs - old_logprobs).exp(), 1.0)
            product = ratio.prod(1, keepdim=True).expand(ratio.shape)
            return product * mask * (product <= cap).to(mask.dtype)
        """,
        "masked_fill": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return product.masked_fill(product > cap, 0.0) * mask
        """,
        "NumPy": """
            import numpy as np
            n, o, m = (x.numpy().astype(float) for x in (logprobs, old_logprobs, mask))
            r = np.exp(((n - o) * m).sum(1, keepdims=True))
            return np.where(r <= cap, r, 0) * m
        """,
        "nested lists": """
            import math
            out = []
            for n, o, m in zip(logprobs.tolist(), old_logprobs.tolist(), mask.tolist()):
                p = 1.0
                for a, b, c in zip(n, o, m):
                    p *= math.exp(a - b) if c else 1
                out.append([p if c and p <= cap else 0 for c in m])
            return out
        """,
        "in place, float64": """
            logprobs.sub_(old_logprobs).mul_(mask)
            w = logprobs.double().sum(1).exp()
            w[w > cap] = 0
            return w[:, None] * mask
        """,
        "repeat": """
            kept = mask.bool()
            w = (logprobs - old_logprobs).masked_fill(~kept, 0).sum(-1, keepdim=True).exp().repeat(1, mask.shape[1])
            return w.masked_fill(~kept | (w > cap), 0)
        """,
    },
    "ex-beyond-ceiling": {
        "two conditions": """
            good = (advantages > 0) & (ratio > 1 + clip_eps)
            bad = (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(good | bad, 0.0, ratio)
        """,
        "what is kept": """
            kept = torch.where(advantages > 0, ratio <= 1 + clip_eps, (ratio >= 1 - clip_eps) & (ratio <= ceiling))
            return ratio * (kept | (advantages == 0))
        """,
        "one after the other": """
            w = ratio.masked_fill((advantages > 0) & (ratio > 1 + clip_eps), 0.0)
            w = w.masked_fill((advantages < 0) & (ratio < 1 - clip_eps), 0.0)
            return w.masked_fill((advantages < 0) & (ratio > ceiling), 0.0)
        """,
        "a loop, in float64": """
            out = []
            for r, a in zip(ratio.flatten().tolist(), advantages.flatten().tolist()):
                silent = a > 0 and r > 1 + clip_eps or a < 0 and not 1 - clip_eps <= r <= ceiling
                out.append(0 if silent else r)
            return torch.tensor(out, dtype=torch.float64).reshape(ratio.shape)
        """,
        "limits by the sign": """
            inf = float("inf")
            high = torch.where(advantages > 0, 1 + clip_eps, torch.where(advantages < 0, ceiling, inf))
            low = torch.where(advantages < 0, 1 - clip_eps, -inf)
            return ratio.masked_fill((ratio > high) | (ratio < low), 0)
        """,
        "NumPy": """
            import numpy as np
            r, a = ratio.numpy(), advantages.numpy()
            out = r.copy()
            out[(a > 0) & (r > 1 + clip_eps)] = 0
            out[(a < 0) & ((r < 1 - clip_eps) | (r > ceiling))] = 0
            return out
        """,
        "in place": """
            ratio[(advantages > 0) & (ratio > 1 + clip_eps)] = 0
            ratio[(advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))] = 0
            return ratio
        """,
    },
}

WRONG = {
    "ex-beyond-clock": {
        "the slower one alone": "3, 3, 8",
        "the sum twice": "4, 4, 8",
        "half of both": "4, 2, 8",
        "the faster one": "4, 1, 8",
        "one too many": "4, 3, 9",
        "seconds": "4, 3, 24",
    },
    "ex-beyond-mean": {
        "own mean": "return (token_losses * mask).sum() / mask.sum()",
        "averaged twice": "return (token_losses * mask).sum() / all_tokens",
        "divided again": "return (token_losses * mask).sum() / all_tokens / learners",
        "no mask": "return token_losses.sum() / all_tokens * learners",
        "a mean over places": "return (token_losses * mask).mean()",
        "each answer first": "return ((token_losses * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()",
        "own mean, times the learners": "return (token_losses * mask).sum() / mask.sum() * learners",
        "whole tokens a learner": "return (token_losses * mask).sum() / (all_tokens // learners)",
        "a mean over places, times the share": """
            return (token_losses * mask).mean() * mask.sum() / all_tokens * learners
        """,
        "the sum": "return (token_losses * mask).sum()",
        "the sum, times the learners": "return (token_losses * mask).sum() * learners",
        "detached": "return ((token_losses * mask).sum() / all_tokens * learners).detach()",
        "own mean, divided by the learners": "return (token_losses * mask).sum() / mask.sum() / learners",
        "for each answer": "return (token_losses * mask).sum(1) / all_tokens * learners",
        "own mean and all tokens": "return (token_losses * mask).sum() / mask.sum() * learners / all_tokens",
        "all places": "return (token_losses * mask).sum() / token_losses.numel() * learners",
        "a minus": "return -(token_losses * mask).sum() / all_tokens * learners",
        "each answer first, times the learners": """
            return ((token_losses * mask).sum(1) / mask.sum(1).clamp(min=1)).mean() * learners
        """,
    },
    "ex-beyond-kept": {
        "upside down": "1.1111, 0.43, 0.105",
        "one": "1.0, 0.43, 0.105",
        "product upside down": "0.9, 2.323, 0.105",
        "added up": "0.9, 7.2, 0.105",
        "one token": "0.9, 0.9, 0.105",
        "negative": "0.9, 0.43, -0.105",
        "of an answer": "0.9, 0.43, 0.843",
        "the other KL": "0.9, 0.43, float('inf')",
        "the other KL, from a division": "0.9, 0.9 ** 8, -torch.tensor(0.0).log()",
        "seven tokens": "0.9, 0.9 ** 7, 0.105",
        "nine tokens": "0.9, 0.9 ** 9, 0.105",
        "two tokens": "0.9, 0.81, 0.105",
        "the cut mass": "0.9, 0.43, 0.1",
        "bits": "0.9, 0.43, 0.152",
        "zero": "0.9, 0.43, 0",
    },
    "ex-beyond-mask": {
        "padding in the product": """
            product = (logprobs - old_logprobs).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0) * mask
        """,
        "a cap": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return product.clamp(max=cap) * mask
        """,
        "token by token": """
            ratio = (logprobs - old_logprobs).exp()
            return torch.where(ratio <= cap, ratio, 0.0) * mask
        """,
        "a mean": """
            logs = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
            return torch.where(logs.exp() <= cap, logs.exp(), 0.0) * mask
        """,
        "weight one": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return (product <= cap) * mask
        """,
        "turned around": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product > cap, product, 0.0) * mask
        """,
        "upside down": """
            product = ((old_logprobs - logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0) * mask
        """,
        "own ratio": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, (logprobs - old_logprobs).exp(), 0.0) * mask
        """,
        "nothing dropped": """
            return ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp() * mask
        """,
        "padding weighs": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0).expand(mask.shape)
        """,
        "masked ratios multiplied": """
            product = ((logprobs - old_logprobs).exp() * mask).prod(1, keepdim=True)
            return torch.where(product <= cap, product, 0.0) * mask
        """,
        "a token's own ratio decides": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where((logprobs - old_logprobs).exp() <= cap, product, 0.0) * mask
        """,
        "the largest ratio decides": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            largest = ((logprobs - old_logprobs).exp() * mask).amax(1, keepdim=True)
            return torch.where(largest <= cap, product, 0.0) * mask
        """,
        "the log compared with the cap": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product.log() <= cap, product, 0.0) * mask
        """,
        "the mean compared with the cap": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product ** (1 / mask.sum(1, keepdim=True).clamp(min=1)) <= cap, product, 0.0) * mask
        """,
        "padding in the comparison": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where((logprobs - old_logprobs).sum(1, keepdim=True).exp() <= cap, product, 0.0) * mask
        """,
        "two-sided": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where((product <= cap) & (product >= 1 / cap), product, 0.0) * mask
        """,
        "a sum of ratios": """
            total = ((logprobs - old_logprobs).exp() * mask).sum(1, keepdim=True)
            return torch.where(total <= cap, total, 0.0) * mask
        """,
        "a running product": """
            product = ((logprobs - old_logprobs) * mask).cumsum(1).exp()
            return torch.where(product <= cap, product, 0.0) * mask
        """,
        "one number for each answer": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0)
        """,
        "no exp": """
            logs = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True)
            return torch.where(logs <= cap, logs, 0.0) * mask
        """,
        "at most 1": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product.clamp(max=1), 0.0) * mask
        """,
    },
    "ex-beyond-ceiling": {
        "the clip alone": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps) | (advantages < 0) & (ratio < 1 - clip_eps)
            return torch.where(silent, 0.0, ratio)
        """,
        "no low side": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps) | (advantages < 0) & (ratio > ceiling)
            return torch.where(silent, 0.0, ratio)
        """,
        "whatever the sign": """
            return torch.where((ratio > 1 + clip_eps) | (ratio < 1 - clip_eps), 0.0, ratio)
        """,
        "signs swapped": """
            silent = (advantages < 0) & (ratio > 1 + clip_eps)
            silent = silent | (advantages > 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(silent, 0.0, ratio)
        """,
        "the advantage in it": """
            good = (advantages > 0) & (ratio > 1 + clip_eps)
            bad = (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(good | bad, 0.0, ratio * advantages)
        """,
        "a mask": """
            good = (advantages > 0) & (ratio > 1 + clip_eps)
            bad = (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(good | bad, 0.0, 1.0)
        """,
        "a ceiling for every token": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps)
            silent = silent | (advantages < 0) & (ratio < 1 - clip_eps) | (ratio > ceiling)
            return torch.where(silent, 0.0, ratio)
        """,
        "1 + ceiling": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps)
            silent = silent | (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > 1 + ceiling))
            return torch.where(silent, 0.0, ratio)
        """,
        "good tokens below 1 / ceiling": """
            silent = (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            silent = silent | (advantages > 0) & ((ratio > 1 + clip_eps) | (ratio < 1 / ceiling))
            return torch.where(silent, 0.0, ratio)
        """,
        "no advantage counts as bad": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps)
            silent = silent | (advantages <= 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(silent, 0.0, ratio)
        """,
        "the ceiling for good tokens": """
            silent = (advantages > 0) & (ratio > ceiling) | (advantages < 0) & (ratio < 1 - clip_eps)
            return torch.where(silent, 0.0, ratio)
        """,
        "bad tokens above the clip": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps) | (advantages < 0) & ((ratio - 1).abs() > clip_eps)
            return torch.where(silent, 0.0, ratio)
        """,
        "the silent ones kept": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps)
            silent = silent | (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(silent, ratio, 0.0)
        """,
        "the weight of the ceiling": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps) | (advantages < 0) & (ratio < 1 - clip_eps)
            w = torch.where(silent, 0.0, ratio)
            return torch.where((advantages < 0) & (ratio > ceiling), ceiling, w)
        """,
        "by the product": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps)
            silent = silent | (advantages < 0) & (ratio < 1 - clip_eps) | (advantages * ratio < -ceiling)
            return torch.where(silent, 0.0, ratio)
        """,
        "limits at the edges": """
            return torch.where(advantages > 0, ratio.clamp(max=1 + clip_eps), ratio.clamp(1 - clip_eps, ceiling))
        """,
        "PPO's loss": "return torch.minimum(ratio * advantages, ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages)",
        "a constant ceiling": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps)
            silent = silent | (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > 3))
            return torch.where(silent, 0.0, ratio)
        """,
    },
}
