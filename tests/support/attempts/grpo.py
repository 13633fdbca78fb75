"""Answers to the exercises of the chapter about GRPO."""

PAGE = "08_grpo"

RIGHT = {
    "ex-grpo-one-of-four": {
        "one tensor for all": """
            over_g, over_g_minus_1, dr_grpo, rloo = torch.tensor([3**0.5, 1.5, 0.75, 1.0])
        """,
        "three digits": "1.73, 1.5, 0.75, 1",
        "three digits after the point": "1.732, 1.500, 0.750, 1.000",
        "roots": "math.sqrt(3), 1.5, 3 / 4, 1",
        "tensors": """
            r = torch.tensor([1.0, 0.0, 0.0, 0.0])
            a = r - r.mean()
            over_g, over_g_minus_1 = a[0] / r.std(correction=0), a[0] / r.std()
            dr_grpo, rloo = a[0], r[0] - r[1:].mean()
        """,
        "with the 1e-4 of the book's function": """
            r = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
            over_g = 0.75 / (r.std(unbiased=False) + 1e-4)
            over_g_minus_1 = group_advantages(r)[0, 0]
            dr_grpo, rloo = group_advantages(r, normalize=False)[0, 0], rloo_advantages(r)[0, 0]
        """,
        "NumPy": """
            import numpy as np

            r = np.array([1.0, 0, 0, 0])
            a = (r - r.mean())[0]
            over_g, over_g_minus_1, dr_grpo, rloo = a / r.std(), a / r.std(ddof=1), a, r[0] - r[1:].mean()
        """,
        "fractions": """
            from fractions import Fraction as F

            over_g, over_g_minus_1, dr_grpo, rloo = 3**0.5, F(3, 2), F(3, 4), F(1)
        """,
        "the statistics module": """
            import statistics

            r = [1, 0, 0, 0]
            over_g, over_g_minus_1 = 0.75 / statistics.pstdev(r), 0.75 / statistics.stdev(r)
            dr_grpo, rloo = 1 - sum(r) / 4, 1 - sum(r[1:]) / 3
        """,
    },
    "ex-grpo-how-many": {
        "one array of integers": """
            import numpy as np

            size_at_half, size_at_one_in_twenty = np.array([8, 90])
        """,
        "whole numbers": "8, 90",
        "floats": "8.0, 90.0",
        "logarithms": """
            size_at_half = math.floor(math.log(0.005) / math.log(0.5)) + 1
            size_at_one_in_twenty = math.ceil(math.log(0.01) / math.log(0.95))
        """,
        "tensors": "torch.tensor(8), torch.tensor(90)",
        "a loop": """
            found = []
            for rate in (0.5, 0.05):
                G = 2
                while rate**G + (1 - rate) ** G >= 0.01:
                    G += 1
                found.append(G)
            size_at_half, size_at_one_in_twenty = found
        """,
        "NumPy": """
            import numpy as np

            G = np.arange(2, 200)
            size_at_half, size_at_one_in_twenty = (G[(p**G + (1 - p) ** G < 0.01).argmax()] for p in (0.5, 0.05))
        """,
    },
    "ex-grpo-bug": {
        "in float64": """
            r = rewards.double()
            return (r - r.mean(1, keepdim=True)) / (r.std(1, keepdim=True) + 1e-4)
        """,
        "None in place of keepdim": """
            mean, std = rewards.mean(1), rewards.std(1)
            return (rewards - mean[:, None]) / (std[:, None] + 1e-4)
        """,
        "the last dimension": """
            centered = rewards - rewards.mean(dim=-1, keepdim=True)
            return centered / (torch.std(rewards, dim=-1, keepdim=True) + 0.0001)
        """,
        "the book's own function": "return group_advantages(rewards)",
        "a loop over groups": """
            rows = [(group - group.mean()) / (group.std() + 1e-4) for group in rewards]
            return torch.stack(rows)
        """,
        "transposed": """
            r = rewards.T
            return ((r - r.mean(0)) / (r.std(0) + 1e-4)).T
        """,
        "torch.vmap": "return torch.vmap(lambda group: (group - group.mean()) / (group.std() + 1e-4))(rewards)",
        "NumPy": """
            import numpy as np

            r = rewards.numpy()
            return (r - r.mean(1, keepdims=True)) / (r.std(1, ddof=1, keepdims=True) + 1e-4)
        """,
        "by hand": """
            G = rewards.shape[1]
            mean = rewards.sum(1, keepdim=True) / G
            var = ((rewards - mean) ** 2).sum(1, keepdim=True) / (G - 1)
            return (rewards - mean) / (var.sqrt() + 1e-4)
        """,
        "in place on a copy": """
            out = rewards.clone()
            out -= rewards.mean(1, keepdim=True)
            out /= rewards.std(1, keepdim=True) + 1e-4
            return out
        """,
        "a loop": "return torch.stack([(row - row.mean()) / (row.std() + 1e-4) for row in rewards])",
        "in place": """
            spread = rewards.std(-1, keepdim=True)
            rewards -= rewards.mean(-1, keepdim=True)
            return rewards.div_(spread.add_(1e-4))
        """,
        "NumPy, over G - 1": """
            r = rewards.double().numpy()
            return (r - r.mean(1, keepdims=True)) / (r.std(1, ddof=1, keepdims=True) + 1e-4)
        """,
        "lists": """
            import statistics
            out = []
            for row in rewards.tolist():
                m, s = statistics.mean(row), statistics.stdev(row)
                out.append([(x - m) / (s + 1e-4) for x in row])
            return out
        """,
        "vmap": "return torch.vmap(lambda row: (row - row.mean()) / (row.std() + 1e-4))(rewards)",
    },
    "ex-grpo-clip-higher": {
        "the knobs by keyword only": """
            def clip_higher(ratio, advantages, *, low=0.2, high=0.28):
                return torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)
        """,
        "in float64": """
            ratio, advantages = ratio.double(), advantages.double()
            return torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)
        """,
        "torch.min": """
            clipped = torch.clamp(ratio, min=1 - low, max=1 + high)
            return torch.min(ratio * advantages, clipped * advantages)
        """,
        "where": """
            good = torch.where(ratio > 1 + high, torch.full_like(ratio, 1 + high), ratio)
            bad = torch.where(ratio < 1 - low, torch.full_like(ratio, 1 - low), ratio)
            return torch.where(advantages > 0, good, bad) * advantages
        """,
        "one-sided clamps": """
            good = ratio.clamp(max=1 + high) * advantages.clamp(min=0)
            return good + ratio.clamp(min=1 - low) * advantages.clamp(max=0)
        """,
        "clip": """
            return torch.minimum(ratio.clip(1 - low, 1 + high) * advantages, ratio * advantages)
        """,
        "a stack": """
            clipped = ratio.clamp(1 - low, 1 + high)
            return torch.stack([ratio * advantages, clipped * advantages]).min(0).values
        """,
        "the book's own function for each sign": """
            good = clipped_surrogate(ratio, advantages, clip_eps=high)
            bad = clipped_surrogate(ratio, advantages, clip_eps=low)
            return torch.where(advantages > 0, good, bad)
        """,
    },
    "ex-grpo-size": {
        "bisection": """
            u = torch.rand(2000, size, 8, generator=seeded(1)).double()
            low, high = 0.1, 0.95
            for _ in range(20):
                q = (low + high) / 2
                s = (u < q).sum(-1).double().std(1).mean().item()
                if (size - 1) / size * s / 8 > 0.5 * (q - 0.1):
                    low = q
                else:
                    high = q
            return q
        """,
        "a grid and the nearest meeting": """
            u = torch.rand(2000, size, 8, generator=seeded(2))
            grid = torch.linspace(0.12, 0.95, 200)
            s = torch.stack([(u < x).sum(-1).float().std(1).mean() for x in grid])
            return grid[((size - 1) / size * s / 8 - 0.5 * (grid - 0.1)).abs().argmin()]
        """,
        "binomial draws": """
            g = seeded(3)
            best, where = 9.0, 0.0
            for q in torch.linspace(0.12, 0.95, 84).tolist():
                hits = torch.binomial(torch.full((3000, size), 8.0), torch.full((3000, size), q), generator=g)
                gap = abs((1 - 1 / size) * hits.std(1).mean().item() / 8 - 0.5 * (q - 0.1))
                if gap < best:
                    best, where = gap, q
            return where
        """,
        "NumPy": """
            import numpy as np

            u = np.random.default_rng(0).random((2000, size, 8))
            low, high = 0.1, 0.95
            for _ in range(20):
                q = (low + high) / 2
                s = (u < q).sum(-1).std(1, ddof=1).mean()
                low, high = (q, high) if (size - 1) / size * s / 8 > 0.5 * (q - 0.1) else (low, q)
            return q
        """,
        "iterating the balance": """
            u = torch.rand(2000, size, 8, generator=seeded(4))
            q = 0.4
            for _ in range(60):
                s = (u < q).sum(-1).double().std(dim=1).mean().item()
                q = 0.5 * q + 0.5 * (0.1 + 2 * (size - 1) / size * s / 8)
            return q
        """,
    },
}

WRONG = {
    "ex-grpo-one-of-four": {
        "the two deviations swapped": "1.5, 1.732, 0.75, 1",
        "variance in place of its root": "0.75 / (0.75 / 4), 0.75 / (0.75 / 3), 0.75, 1",
        "RLOO with the group's mean": "1.732, 1.5, 0.75, 0.75",
        "Dr. GRPO without the mean": "1.732, 1.5, 1, 1",
        "mean not subtracted": "1 / math.sqrt(3 / 16), 2, 1, 1",
        "RLOO divided by the deviation": "1.732, 1.5, 0.75, 2",
        "RLOO: a third": "1.732, 1.5, 0.75, 2 / 3",
        "sign": "-1.732, -1.5, -0.75, -1",
        "the second completion": "-0.577, -0.5, -0.25, -0.333",
        "not divided at all": "0.75, 0.75, 0.75, 1",
        "multiplied by the deviation": "0.75 * 0.433, 0.75 * 0.5, 0.75, 1",
        "order of Dr. GRPO and RLOO": "1.732, 1.5, 1, 0.75",
        "the deviations themselves": "0.433, 0.5, 0.75, 1",
    },
    "ex-grpo-how-many": {
        "all right only": "7, 90",
        "one too few": "7, 89",
        "not rounded up": "7.64, 89.8",
        "one too many": "9, 91",
        "one in a hundred of one term: 0.05 to the G": "8, 2",
        "share below one in ten": "5, 45",
        "twenty, since one in twenty is right": "8, 20",
        "hundred groups read as hundred answers": "100, 100",
        "ten times more for ten times rarer": "8, 80",
        "swapped": "90, 8",
        "base 2 log of a hundred, rounded down": "6, 59",
    },
    "ex-grpo-bug": {
        "nothing repaired": "return (rewards - rewards.mean(0)) / (rewards.std(0) + 1e-4)",
        "only the mean": "return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(0) + 1e-4)",
        "only the deviation": """
            return (rewards - rewards.mean(0)) / (rewards.std(1, keepdim=True) + 1e-4)
        """,
        "keepdim forgotten": "return (rewards - rewards.mean(1)) / (rewards.std(1) + 1e-4)",
        "over the whole batch": "return (rewards - rewards.mean()) / (rewards.std() + 1e-4)",
        "the 1e-4 lost": """
            return (rewards - rewards.mean(1, keepdim=True)) / rewards.std(1, keepdim=True)
        """,
        "deviation of all": """
            return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std() + 1e-4)
        """,
        "biased deviation": """
            centered = rewards - rewards.mean(1, keepdim=True)
            return centered / (rewards.std(1, keepdim=True, unbiased=False) + 1e-4)
        """,
        "variance in place of the deviation": """
            centered = rewards - rewards.mean(1, keepdim=True)
            return centered / (rewards.var(1, keepdim=True) + 1e-4)
        """,
        "division left out": "return rewards - rewards.mean(1, keepdim=True)",
        "centering left out": "return rewards / (rewards.std(1, keepdim=True) + 1e-4)",
        "the 1e-4 under the root": """
            centered = rewards - rewards.mean(1, keepdim=True)
            return centered / (rewards.var(1, keepdim=True) + 1e-4).sqrt()
        """,
        "the leave-one-out mean": """
            return rloo_advantages(rewards) / (rewards.std(1, keepdim=True) + 1e-4)
        """,
        "precedence: 1e-4 added after the division": """
            return (rewards - rewards.mean(1, keepdim=True)) / rewards.std(1, keepdim=True).clamp(min=1e-2) + 1e-4
        """,
        "over everything": "return (rewards - rewards.mean()) / (rewards.std() + 1e-4)",
        "median": "return (rewards - rewards.median(1, keepdim=True).values) / (rewards.std(1, keepdim=True) + 1e-4)",
        "1e-4 under the root": """
            return (rewards - rewards.mean(1, keepdim=True)) / (rewards.var(1, keepdim=True) + 1e-4).sqrt()
        """,
        "1e-8": "return (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-8)",
        "the largest gap": """
            gap = rewards.amax(1, keepdim=True) - rewards.amin(1, keepdim=True)
            return (rewards - rewards.mean(1, keepdim=True)) / (gap + 1e-4)
        """,
        "leave one out": """
            g = rewards.shape[1]
            others = (rewards.sum(1, keepdim=True) - rewards) / (g - 1)
            return (rewards - others) / (rewards.std(1, keepdim=True) + 1e-4)
        """,
        "silent groups left as they are": """
            spread = rewards.std(1, keepdim=True)
            return torch.where(spread > 0, (rewards - rewards.mean(1, keepdim=True)) / (spread + 1e-4), rewards)
        """,
        "NumPy's deviation": """
            r = rewards.double().numpy()
            return (r - r.mean(1, keepdims=True)) / (r.std(1, keepdims=True) + 1e-4)
        """,
    },
    "ex-grpo-clip-higher": {
        "minimum forgotten": "return ratio.clamp(1 - low, 1 + high) * advantages",
        "maximum": """
            clipped = ratio.clamp(1 - low, 1 + high)
            return torch.maximum(ratio * advantages, clipped * advantages)
        """,
        "low and high swapped": """
            clipped = ratio.clamp(1 - high, 1 + low)
            return torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "the limits without the 1": """
            clipped = ratio.clamp(low, high)
            return torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "only the upper limit": """
            return torch.minimum(ratio * advantages, ratio.clamp(max=1 + high) * advantages)
        """,
        "the usual clip": "return clipped_surrogate(ratio, advantages, clip_eps=low)",
        "high on both sides": "return clipped_surrogate(ratio, advantages, clip_eps=high)",
        "the sign of a loss": """
            clipped = ratio.clamp(1 - low, 1 + high)
            return -torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "averaged": """
            clipped = ratio.clamp(1 - low, 1 + high)
            return torch.minimum(ratio * advantages, clipped * advantages).mean()
        """,
        "limits at their defaults": """
            clipped = ratio.clamp(0.8, 1.28)
            return torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "minimum of the ratios, before the advantage": """
            return torch.minimum(ratio, ratio.clamp(1 - low, 1 + high)) * advantages
        """,
        "0.28 on top of 1.2": """
            clipped = ratio.clamp(1 - low, 1 + low + high)
            return torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "the product clipped": """
            return torch.minimum(ratio * advantages, (ratio * advantages).clamp(1 - low, 1 + high))
        """,
        "in the logarithm": """
            clipped = ratio.log().clamp(-low, high).exp()
            return torch.minimum(ratio * advantages, clipped * advantages)
        """,
    },
    "ex-grpo-size": {
        "the optimum": "return 0.45",
        "group size ignored": """
            u = torch.rand(2000, 8, 8, generator=seeded(0)).double()
            q = torch.linspace(0.101, 0.95, 200).double()
            s = torch.stack([(u < x).sum(-1).double().std(1).mean() for x in q])
            return q[(7 / 8 * s / 8 - 0.5 * (q - 0.1) > 0).nonzero().max()].item()
        """,
        "7/8 left as it was": """
            u = torch.rand(2000, size, 8, generator=seeded(0)).double()
            q = torch.linspace(0.101, 0.95, 200).double()
            s = torch.stack([(u < x).sum(-1).double().std(1).mean() for x in q])
            return q[(7 / 8 * s / 8 - 0.5 * (q - 0.1) > 0).nonzero().max()].item()
        """,
        "the own mean forgotten": """
            u = torch.rand(2000, size, 8, generator=seeded(0)).double()
            q = torch.linspace(0.101, 0.95, 200).double()
            s = torch.stack([(u < x).sum(-1).double().std(1).mean() for x in q])
            return q[(s / 8 - 0.5 * (q - 0.1) > 0).nonzero().max()].item()
        """,
        "biased deviation": """
            u = torch.rand(2000, size, 8, generator=seeded(0)).double()
            q = torch.linspace(0.101, 0.95, 200).double()
            s = torch.stack([(u < x).sum(-1).double().std(1, unbiased=False).mean() for x in q])
            return q[((size - 1) / size * s / 8 - 0.5 * (q - 0.1) > 0).nonzero().max()].item()
        """,
        "not divided by the eight tokens": """
            u = torch.rand(2000, size, 8, generator=seeded(0)).double()
            q = torch.linspace(0.101, 0.95, 200).double()
            s = torch.stack([(u < x).sum(-1).double().std(1).mean() for x in q])
            return q[((size - 1) / size * s - 0.5 * (q - 0.1) > 0).nonzero().max()].item()
        """,
        "the exact deviation of a binomial": """
            q = torch.linspace(0.101, 0.95, 2000).double()
            s = (8 * q * (1 - q)).sqrt()
            return q[((size - 1) / size * s / 8 - 0.5 * (q - 0.1) > 0).nonzero().max()].item()
        """,
        "the upside-down factor": """
            u = torch.rand(2000, size, 8, generator=seeded(0)).double()
            q = torch.linspace(0.101, 0.95, 200).double()
            s = torch.stack([(u < x).sum(-1).double().std(1).mean() for x in q])
            return q[(size / (size - 1) * s / 8 - 0.5 * (q - 0.1) > 0).nonzero().max()].item()
        """,
        "halving the wrong way": """
            u = torch.rand(2000, size, 8, generator=seeded(1)).double()
            low, high = 0.1, 0.95
            for _ in range(20):
                q = (low + high) / 2
                s = (u < q).sum(-1).double().std(1).mean().item()
                if (size - 1) / size * s / 8 < 0.5 * (q - 0.1):
                    low = q
                else:
                    high = q
            return q
        """,
        "the prior probability forgotten in the pull": """
            u = torch.rand(2000, size, 8, generator=seeded(0)).double()
            q = torch.linspace(0.101, 0.95, 200).double()
            s = torch.stack([(u < x).sum(-1).double().std(1).mean() for x in q])
            return q[((size - 1) / size * s / 8 - 0.5 * q).abs().argmin()].item()
        """,
        "deviation over the draws, not the group": """
            u = torch.rand(2000, size, 8, generator=seeded(0)).double()
            q = torch.linspace(0.101, 0.95, 200).double()
            s = torch.stack([(u < x).double().mean(-1).std() for x in q])
            return q[((size - 1) / size * s / 8 - 0.5 * (q - 0.1) > 0).nonzero().max()].item()
        """,
    },
}
