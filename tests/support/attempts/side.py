"""Answers to the exercises of "Side by side"."""

PAGE = "09_side_by_side"

RIGHT = {
    "ex-side-leaderboard": {
        "double quotes": '"B"',
        "single quotes": "'B'",
        "computed": """
            gaps = {"A": 0.562 - 0.50, "B": 0.468 - 0.45, "C": 0.885 - 0.80, "D": 0.273 - 0.25}
            closest = min(gaps, key=gaps.get)
        """,
        "an element of a list": 'list("ABCD")[1]',
    },
    "ex-side-nearest": {
        "a loop": """
            for i in range(len(kls)):
                if kls[i] >= kl:
                    if i == 0:
                        return rewards[0]
                    share = (kl - kls[i - 1]) / (kls[i] - kls[i - 1])
                    return rewards[i - 1] + share * (rewards[i] - rewards[i - 1])
            return math.inf
        """,
        "nonzero": """
            reached = (kls >= kl).nonzero().flatten()
            if len(reached) == 0:
                return math.inf
            i = int(reached[0])
            if i == 0:
                return rewards[0]
            a, b = kls[i - 1], kls[i]
            return ((b - kl) * rewards[i - 1] + (kl - a) * rewards[i]) / (b - a)
        """,
        "lists": """
            R, K = rewards.tolist(), kls.tolist()
            i = next((n for n, x in enumerate(K) if x >= kl), None)
            if i is None:
                return float("inf")
            if i == 0:
                return R[0]
            share = (kl - K[i - 1]) / (K[i] - K[i - 1])
            return (1 - share) * R[i - 1] + share * R[i]
        """,
        "NumPy": """
            import numpy as np

            r, k = rewards.numpy(), kls.numpy()
            if k.max() < kl:
                return np.inf
            i = max(int(np.argmax(k >= kl)), 1)
            return np.interp(kl, k[i - 1 : i + 1], r[i - 1 : i + 1])
        """,
        "lerp": """
            above = kls >= kl
            if not above.any():
                return torch.tensor(math.inf)
            i = above.int().argmax()
            if i == 0:
                return rewards[0]
            return torch.lerp(rewards[i - 1], rewards[i], (kl - kls[i - 1]) / (kls[i] - kls[i - 1]))
        """,
        "a sum of slopes": """
            if (kls < kl).all():
                return math.inf
            i = max(1, int((kls.cummax(0).values < kl).sum()))
            slope = (rewards[i] - rewards[i - 1]) / (kls[i] - kls[i - 1])
            return (rewards[i - 1] + slope * (kl - kls[i - 1])).item()
        """,
    },
    "ex-side-at-end": {
        "a loop": """
            out = torch.zeros_like(rewards)
            for b in range(len(rewards)):
                n = int(mask[b].sum())
                out[b, n - 1] = (rewards[b] * mask[b]).sum()
            return out
        """,
        "scatter": """
            total = (rewards * mask).sum(1, keepdim=True)
            last = mask.sum(1, keepdim=True).long() - 1
            return torch.zeros_like(rewards).scatter(1, last, total)
        """,
        "fancy indices": """
            out = torch.zeros_like(rewards)
            lengths = mask.sum(dim=1).long()
            out[torch.arange(len(out)), lengths - 1] = torch.where(mask.bool(), rewards, 0.0).sum(1)
            return out
        """,
        "one hot": """
            last = torch.nn.functional.one_hot(mask.sum(1).long() - 1, rewards.shape[1])
            return last * (rewards * mask).sum(1, keepdim=True)
        """,
        "the next place of the mask": """
            following = torch.cat([mask[:, 1:], torch.zeros_like(mask[:, :1])], 1)
            return (mask - mask * following) * (rewards * mask).sum(-1, keepdim=True)
        """,
        "NumPy": """
            import numpy as np

            r, m = rewards.numpy(), mask.numpy()
            out = np.zeros_like(r)
            out[np.arange(len(r)), m.sum(1).astype(int) - 1] = (r * m).sum(1)
            return torch.from_numpy(out)
        """,
        "masked_fill": """
            T = rewards.shape[1]
            last = torch.arange(T) == mask.sum(1, keepdim=True) - 1
            total = rewards.masked_fill(mask == 0, 0.0).sum(1, keepdim=True)
            return total.expand_as(rewards).masked_fill(~last, 0.0)
        """,
    },
    "ex-side-epochs": {
        "the knobs by keyword only": """
            def tokens_until(values, *, goal, epochs):
                reached = (values >= goal).nonzero().flatten()
                return 256 * math.ceil(reached[0].item() / epochs) if len(reached) else math.inf
        """,
        "a loop": """
            for n, value in enumerate(values.tolist()):
                if value >= goal:
                    return 256 * math.ceil(n / epochs)
            return math.inf
        """,
        "argmax after a check": """
            if not (values >= goal).any():
                return math.inf
            n = int((values >= goal).int().argmax())
            return 256 * -(-n // epochs)
        """,
        "next": """
            n = next((i for i, v in enumerate(values) if v >= goal), math.inf)
            return n if n == math.inf else 256 * ((n + epochs - 1) // epochs)
        """,
        "NumPy": """
            import numpy as np

            reached = np.flatnonzero(values.numpy() >= goal)
            return 256 * np.ceil(reached[0] / epochs) if len(reached) else np.inf
        """,
        "a tensor": """
            reached = torch.nonzero(values >= goal)
            if reached.numel() == 0:
                return torch.tensor(math.inf)
            return 256 * torch.ceil(reached.min() / epochs)
        """,
        "batches counted one by one": """
            batches = 0
            for n, v in enumerate(values):
                if n > batches * epochs:
                    batches += 1
                if v >= goal:
                    return 256 * batches
            return float("inf")
        """,
    },
    "ex-side-nearest: winner": {
        "as it is written": '"patient"',
        "in capitals": '"Patient"',
        "computed": """(
            "hasty"
            if repaired(torch.tensor([0.11, 0.2, 0.4]), torch.tensor([0, 0.1, 0.45]), 0.3)
            > repaired(torch.tensor([0.11, 0.21, 0.29, 0.37]), torch.tensor([0, 0.1, 0.2, 0.3]), 0.3)
            else "patient"
        )""",
    },
    "ex-side-at-end: lead": {
        "as it is written": '"none"',
        "in capitals": '"NONE"',
        "computed": '"none" if 7.85 > 2.05 else "less"',
        "None itself": "None",
    },
}

WRONG = {
    "ex-side-leaderboard": {
        "a good reward at a moderate price": '"A"',
        "the highest reward": '"C"',
        "reward per nat": '"D"',
    },
    "ex-side-nearest": {
        "nothing repaired": "return rewards[(kls - kl).abs().argmin()]",
        "no interpolation: the first update at or above": """
            if not (kls >= kl).any():
                return math.inf
            return rewards[(kls >= kl).int().argmax()]
        """,
        "no interpolation: the last update below": """
            if not (kls >= kl).any():
                return math.inf
            return rewards[(kls >= kl).int().argmax() - 1]
        """,
        "never reached forgotten": """
            i = (kls >= kl).int().argmax()
            share = (kl - kls[i - 1]) / (kls[i] - kls[i - 1])
            return rewards[i - 1] + share * (rewards[i] - rewards[i - 1])
        """,
        "the last reward if never reached": """
            if not (kls >= kl).any():
                return rewards[-1]
            i = (kls >= kl).int().argmax()
            share = (kl - kls[i - 1]) / (kls[i] - kls[i - 1])
            return rewards[i - 1] + share * (rewards[i] - rewards[i - 1])
        """,
        "nan if never reached": """
            if not (kls >= kl).any():
                return math.nan
            i = (kls >= kl).int().argmax()
            share = (kl - kls[i - 1]) / (kls[i] - kls[i - 1])
            return rewards[i - 1] + share * (rewards[i] - rewards[i - 1])
        """,
        "the share turned round": """
            if not (kls >= kl).any():
                return math.inf
            i = (kls >= kl).int().argmax()
            share = (kl - kls[i - 1]) / (kls[i] - kls[i - 1])
            return rewards[i] + share * (rewards[i - 1] - rewards[i])
        """,
        "the last crossing": """
            if not (kls >= kl).any():
                return math.inf
            below = (kls < kl).nonzero().max()
            if below == len(kls) - 1:
                below = (kls >= kl).nonzero().max() - 1
            i = below + 1
            share = (kl - kls[i - 1]) / (kls[i] - kls[i - 1])
            return rewards[i - 1] + share * (rewards[i] - rewards[i - 1])
        """,
        "sorted by KL first": """
            if kls.max() < kl:
                return math.inf
            order = kls.argsort()
            k, r = kls[order], rewards[order]
            i = int((k < kl).sum())
            share = (kl - k[i - 1]) / (k[i] - k[i - 1])
            return r[i - 1] + share * (r[i] - r[i - 1])
        """,
        "halfway between the two": """
            if not (kls >= kl).any():
                return math.inf
            i = (kls >= kl).int().argmax()
            return (rewards[i - 1] + rewards[i]) / 2
        """,
        "NumPy's interp of the whole path": """
            import numpy as np

            return float(np.interp(kl, kls.numpy(), rewards.numpy(), right=np.inf))
        """,
        "greater instead of greater or equal": """
            if not (kls > kl).any():
                return math.inf
            i = (kls > kl).int().argmax()
            share = (kl - kls[i - 1]) / (kls[i] - kls[i - 1])
            return rewards[i - 1] + share * (rewards[i] - rewards[i - 1])
        """,
        "the best reward below the KL": """
            if not (kls >= kl).any():
                return math.inf
            return rewards[kls <= kl].max()
        """,
        "the KL in place of the reward": """
            if not (kls >= kl).any():
                return math.inf
            i = (kls >= kl).int().argmax()
            return kls[i]
        """,
        "minus infinity if never reached": """
            if not (kls >= kl).any():
                return -math.inf
            i = (kls >= kl).int().argmax()
            share = (kl - kls[i - 1]) / (kls[i] - kls[i - 1])
            return rewards[i - 1] + share * (rewards[i] - rewards[i - 1])
        """,
    },
    "ex-side-at-end": {
        "at the last place of the tensor": """
            out = torch.zeros_like(rewards)
            out[:, -1] = (rewards * mask).sum(1)
            return out
        """,
        "rewards of the padding counted": """
            last = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
            return rewards.sum(1, keepdim=True) * last
        """,
        "the running sum stays behind the last token": """
            last = mask.cumsum(1) == mask.sum(1, keepdim=True)
            return (rewards * mask).sum(1, keepdim=True) * last
        """,
        "mask ignored": """
            out = torch.zeros_like(rewards)
            out[:, -1] = rewards.sum(1)
            return out
        """,
        "off by one: at the first padding": """
            out = torch.zeros_like(rewards)
            place = mask.sum(1).long().clamp(max=rewards.shape[1] - 1)
            out[torch.arange(len(out)), place] = (rewards * mask).sum(1)
            return out
        """,
        "at the first token": """
            out = torch.zeros_like(rewards)
            out[:, 0] = (rewards * mask).sum(1)
            return out
        """,
        "the mean in place of the sum": """
            last = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
            return (rewards * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True) * last
        """,
        "only the last token's own reward": """
            last = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
            return rewards * last
        """,
        "added to the last token, the rest left": """
            last = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
            return rewards * mask + (rewards * mask).sum(1, keepdim=True) * last
        """,
        "the sum at every token": "return (rewards * mask).sum(1, keepdim=True) * mask",
        "a running sum": "return (rewards * mask).cumsum(1) * mask",
        "one number for each completion": "return (rewards * mask).sum(1)",
        "the whole batch's sum": """
            last = mask * (mask.cumsum(1) == mask.sum(1, keepdim=True))
            return (rewards * mask).sum() * last
        """,
    },
    "ex-side-epochs": {
        "rounded down": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * (reached[0].item() // epochs) if len(reached) else math.inf
        """,
        "not rounded": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * reached[0].item() / epochs if len(reached) else math.inf
        """,
        "epochs forgotten": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * reached[0].item() if len(reached) else math.inf
        """,
        "off by one: an update too many": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * math.ceil((reached[0].item() + 1) / epochs) if len(reached) else math.inf
        """,
        "never reached forgotten": """
            n = (values >= goal).int().argmax().item()
            return 256 * math.ceil(n / epochs)
        """,
        "greater instead of greater or equal": """
            reached = (values > goal).nonzero().flatten()
            return 256 * math.ceil(reached[0].item() / epochs) if len(reached) else math.inf
        """,
        "the whole run's tokens if never reached": """
            reached = (values >= goal).nonzero().flatten()
            n = reached[0].item() if len(reached) else len(values)
            return 256 * math.ceil(n / epochs)
        """,
        "batches in place of tokens": """
            reached = (values >= goal).nonzero().flatten()
            return math.ceil(reached[0].item() / epochs) if len(reached) else math.inf
        """,
        "multiplied by epochs": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * reached[0].item() * epochs if len(reached) else math.inf
        """,
        "the last time in place of the first": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * math.ceil(reached[-1].item() / epochs) if len(reached) else math.inf
        """,
        "the nearest value to the goal": """
            n = (values - goal).abs().argmin().item()
            return 256 * math.ceil(n / epochs)
        """,
        "the maximum of the run": """
            n = values.argmax().item()
            return 256 * math.ceil(n / epochs) if values.max() >= goal else math.inf
        """,
        "one batch too many: rounded down, plus one": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * (reached[0].item() // epochs + 1) if len(reached) else math.inf
        """,
        "zero if never reached": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * math.ceil(reached[0].item() / epochs) if len(reached) else 0
        """,
        "the last that reaches it": """
            reached = (values >= goal).nonzero().flatten()
            return 256 * -(-reached[-1].item() // epochs) if len(reached) else float("inf")
        """,
    },
    "ex-side-nearest: winner": {
        "who wins by the nearest update": '"hasty"',
        "as good as each other": '"neither"',
        "the reward in place of the name": "0.37",
        "a yes": "True",
    },
    "ex-side-at-end: lead": {
        "its clip is its strength, so it keeps the lead": '"more"',
        "a part of it": '"less"',
        "the shortfall in place of the word": "7.85",
        "a yes": "True",
    },
}
