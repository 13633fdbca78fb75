"""Answers to the exercises of the chapter about PPO's ratio."""

PAGE = "03_ppo_ratio"

RIGHT = {
    "ex-ratio-read": {
        "in bfloat16": """
            four = torch.tensor([1.25, 0.2231, 0, -1], dtype=torch.bfloat16)
            ratio_now, log_ratio_now, slope_if_good, slope_if_bad = four
        """,
        "with a graph": """
            x = torch.tensor([0.05], requires_grad=True)
            ratio_now, log_ratio_now = x / 0.04, (x / 0.04).log()
            slope_if_good, slope_if_bad = 0 * x, -x / x
        """,
        "one tensor for all": """
            ratio_now, log_ratio_now, slope_if_good, slope_if_bad = torch.tensor([1.25, 0.2231, 0.0, -1.0])
        """,
        "to two digits": "1.25, 0.22, 0, -1",
        "floats": "5 / 4, 0.223, 0.0, -1.0",
        "tensors": """
            rho = torch.tensor(0.05) / torch.tensor(0.04)
            ratio_now, log_ratio_now = rho, rho.log()
            slope_if_good, slope_if_bad = torch.tensor(0.0), torch.tensor(-1.0)
        """,
        "tensors of one element": """
            rho = torch.tensor([0.05]) / 0.04
            ratio_now, log_ratio_now, slope_if_good, slope_if_bad = rho, rho.log(), torch.zeros(1), -torch.ones(1)
        """,
        "autograd": """
            grads = []
            for A in (1.0, -1.0):
                x = torch.tensor(1.25, requires_grad=True)
                torch.minimum(x * A, x.clamp(0.8, 1.2) * A).backward()
                grads.append(x.grad)
            ratio_now, log_ratio_now = 1.25, torch.tensor(1.25).log()
            slope_if_good, slope_if_bad = grads
        """,
        "with math": """
            import math

            ratio_now, log_ratio_now, slope_if_good, slope_if_bad = 0.05 / 0.04, math.log(0.05 / 0.04), 0, -1
        """,
        "NumPy": """
            import numpy as np

            ratio_now, log_ratio_now, slope_if_good, slope_if_bad = np.array([1.25, np.log(1.25), 0, -1])
        """,
    },
    "ex-ratio-by-hand": {
        "a decimal": """
            from decimal import Decimal

            mean_ratio, mean_ratio_times_reward, chi_squared = Decimal(1), Decimal("0.8"), Decimal("0.0533")
        """,
        "by hand": "1, 0.8, 0.0533",
        "to three digits after the point": "1.0, 0.8, 0.053",
        "fractions": """
            from fractions import Fraction as F

            chi_squared = F(4, 10) * F(8, 10) + F(4, 10) * F(4, 3) + F(2, 10) - 1
            mean_ratio, mean_ratio_times_reward = F(1), F(4, 5)
        """,
        "tensors": """
            old, new = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.4, 0.4, 0.2])
            r = torch.tensor([1.0, 0.0, 2.0])
            mean_ratio, mean_ratio_times_reward = (old * new / old).sum(), new @ r
            chi_squared = (new**2 / old).sum() - 1
        """,
        "NumPy": """
            import numpy as np

            old, new = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
            rho = new / old
            mean_ratio = np.average(rho, weights=old)
            mean_ratio_times_reward = np.average(rho * [1, 0, 2], weights=old)
            chi_squared = np.average((rho - mean_ratio) ** 2, weights=old)
        """,
        "an expression": "0.5 * 0.8 + 0.3 * 4 / 3 + 0.2, 0.4 * 1 + 0.2 * 2, 0.4**2 / 0.5 + 0.4**2 / 0.3 + 0.2 - 1",
        "a list": "[1.0, 0.8, 4 / 75]",
    },
    "ex-ratio-silent": {
        "the knob by keyword only": """
            def clip_fraction(ratio, advantages, *, clip_eps):
                raised = (ratio > 1 + clip_eps) & (advantages > 0)
                lowered = (ratio < 1 - clip_eps) & (advantages < 0)
                return (raised | lowered).double().mean()
        """,
        "where": """
            off = torch.where(advantages > 0, ratio > 1 + clip_eps, ratio < 1 - clip_eps)
            return off.float().mean()
        """,
        "autograd of the surrogate": """
            x = ratio.detach().clone().requires_grad_()
            gain = clipped_surrogate(x, advantages, clip_eps=clip_eps).sum()
            (slope,) = torch.autograd.grad(gain, x)
            return (slope == 0).double().mean()
        """,
        "the clipped product is smaller": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages
            return (clipped < ratio * advantages).double().mean()
        """,
        "a loop": """
            silent = 0
            for rho, a in zip(ratio.flatten().tolist(), advantages.flatten().tolist()):
                if a > 0 and rho > 1 + clip_eps or a < 0 and rho < 1 - clip_eps:
                    silent += 1
            return silent / ratio.numel()
        """,
        "one comparison": "return ((ratio - 1) * advantages.sign() > clip_eps).double().mean()",
        "NumPy": """
            import numpy as np

            r, a = ratio.numpy(), advantages.numpy()
            return np.mean(((r > 1 + clip_eps) & (a > 0)) | ((r < 1 - clip_eps) & (a < 0)))
        """,
        "a Python float": """
            too_high = (ratio > 1 + clip_eps) & (advantages > 0)
            too_low = (ratio < 1 - clip_eps) & (advantages < 0)
            return (too_high.sum() + too_low.sum()).item() / ratio.numel()
        """,
    },
    "ex-ratio-quotient": {
        "a lambda": """
            repaired_loss = lambda new, old, pay: -((new - old.detach()).exp() * pay).mean()
        """,
        "in float64": """
            ratio = (logprobs.double() - old_logprobs.detach().double()).exp()
            return -(ratio * rewards.double()).mean()
        """,
        "in place": """
            old_logprobs.detach_()
            return -(torch.exp(logprobs - old_logprobs) * rewards).mean()
        """,
        "the book's ratio": """
            return -(policy_ratio(logprobs, old_logprobs.detach()) * rewards).mean()
        """,
        "quotient of probabilities": """
            ratio = logprobs.exp() / old_logprobs.detach().exp()
            return -(ratio * rewards).mean()
        """,
        "no_grad": """
            with torch.no_grad():
                old = old_logprobs * 1
            return (-torch.exp(logprobs - old) * rewards).mean()
        """,
        "sum over count": """
            ratio = torch.exp(logprobs - old_logprobs.detach())
            return -torch.sum(ratio * rewards) / rewards.numel()
        """,
        "old probabilities as a weight": """
            weight = rewards * torch.exp(-old_logprobs).detach()
            return -torch.mean(logprobs.exp() * weight)
        """,
        "einsum": """
            ratio = (logprobs - old_logprobs.data).exp()
            return -torch.einsum("bt,bt->", ratio, rewards) / ratio.numel()
        """,
        "a list of products": """
            rows = zip(logprobs.flatten(), old_logprobs.flatten(), rewards.flatten())
            terms = [(a - b.detach()).exp() * r for a, b, r in rows]
            return -sum(terms) / len(terms)
        """,
        "expm1": "return -((torch.expm1(logprobs - old_logprobs.detach()) + 1) * rewards).mean()",
        "data": "return torch.mean(torch.exp(logprobs - old_logprobs.data) * -rewards)",
        "a clone of the record": """
            record = old_logprobs.detach().clone()
            return -(rewards * torch.exp(logprobs.sub(record))).sum().div(rewards.numel())
        """,
        "dot": """
            ratio = (logprobs - old_logprobs.detach()).exp().flatten()
            return -(ratio @ rewards.flatten()) / ratio.shape[0]
        """,
        "in place on the difference": """
            ratio = logprobs - old_logprobs.detach()
            ratio = ratio.exp_()
            return ratio.mul(rewards).neg_().mean()
        """,
        "the record from a list": """
            record = torch.tensor(old_logprobs.tolist())
            return -((logprobs - record).exp() * rewards).mean()
        """,
    },
    "ex-ratio-geometric": {
        "type hints and other names": """
            def answer_ratio(new: torch.Tensor, old: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
                gap = (new - old.detach()) * mask
                return torch.exp(gap.sum(dim=1) / mask.sum(dim=1))
        """,
        "in float64": """
            log_ratio = (logprobs.double() - old_logprobs.detach().double()) * completion_mask
            return (log_ratio.sum(-1) / completion_mask.sum(-1)).exp()
        """,
        "where": """
            diff = torch.where(completion_mask == 1, logprobs - old_logprobs.detach(), 0.0)
            return torch.exp(diff.sum(1) / completion_mask.sum(1))
        """,
        "a loop over answers": """
            out = []
            for new, old, mask in zip(logprobs, old_logprobs.detach(), completion_mask):
                keep = mask.bool()
                out.append((new[keep] - old[keep]).mean().exp())
            return torch.stack(out)
        """,
        "in place": """
            log_ratio = (logprobs - old_logprobs.detach_()) * completion_mask
            return (log_ratio.sum(-1) / completion_mask.sum(-1)).exp()
        """,
        "a root of the product": """
            ratio = torch.exp(logprobs - old_logprobs.detach())
            product = torch.where(completion_mask > 0, ratio, torch.ones_like(ratio)).prod(-1)
            return product ** (1 / completion_mask.sum(-1))
        """,
        "the book's sums": """
            from rlhf_helpers import sequence_logprobs

            new = sequence_logprobs(logprobs, completion_mask)
            old = sequence_logprobs(old_logprobs, completion_mask).detach()
            return ((new - old) / completion_mask.sum(1)).exp()
        """,
        "einsum": """
            log_ratio = torch.einsum("bt,bt->b", logprobs - old_logprobs.detach(), completion_mask)
            return (log_ratio / completion_mask.sum(1)).exp()
        """,
        "weights that sum to one": """
            weight = completion_mask / completion_mask.sum(-1, keepdim=True)
            return torch.exp((weight * (logprobs - old_logprobs.detach())).sum(-1))
        """,
        "a list": """
            rows = []
            for n, o, m in zip(logprobs, old_logprobs.detach(), completion_mask):
                kept = m.bool()
                rows.append((n[kept] - o[kept]).mean().exp())
            return torch.stack(rows)
        """,
        "nanmean": """
            logs = (logprobs - old_logprobs.detach()).masked_fill(completion_mask == 0, float("nan"))
            return logs.nanmean(-1).exp()
        """,
        "difference of means": """
            n = completion_mask.sum(-1)
            new = (logprobs * completion_mask).sum(-1) / n
            old = (old_logprobs.detach() * completion_mask).sum(-1) / n
            return (new - old).exp()
        """,
        "bmm": """
            logs = (logprobs - old_logprobs.detach()).double()
            sums = torch.bmm(logs[:, None], completion_mask.double()[:, :, None]).flatten()
            return (sums / completion_mask.sum(-1)).exp()
        """,
        "pow": """
            ratio = torch.where(completion_mask > 0, (logprobs - old_logprobs.detach()).exp(), 1.0)
            return ratio.prod(-1).pow(1 / completion_mask.sum(-1))
        """,
    },
    "ex-ratio-geometric: most_touched": {
        "as it is written": '"products"',
        "in capitals": '"PRODUCTS"',
        "with a space": '"products "',
    },
}

WRONG = {
    "ex-ratio-read": {
        "old over new": "0.8, -0.22, 0, -1",
        "sign of the log ratio": "1.25, -0.22, 0, -1",
        "log in base 10": "1.25, 0.097, 0, -1",
        "log in base 2": "1.25, 0.32, 0, -1",
        "no clip": "1.25, 0.22, 1, -1",
        "the clip silences both": "1.25, 0.22, 0, 0",
        "good and bad swapped": "1.25, 0.22, 1, 0",
        "the slope's sign for a bad token": "1.25, 0.22, 0, 1",
        "a difference in place of the ratio": "0.01, 0.22, 0, -1",
        "the objective in place of its slope": "1.25, 0.22, 1.2, -1.25",
        "the ratio already clipped": "1.2, 0.18, 0, -1",
        "a ratio of logs, and no clip": "0.93, -0.07, 1, -1",
    },
    "ex-ratio-by-hand": {
        "ratio upside down": "0.5**2 / 0.4 + 0.3**2 / 0.4 + 0.2, 0.5 * 1.25 + 0.4, 0.05",
        "a plain mean of the ratios": "1.044, 0.8, 0.0533",
        "plain means everywhere": "1.044, 0.933, 0.0485",
        "old policy's expected reward": "1, 0.9, 0.0533",
        "mean of the square, one not subtracted": "1, 0.8, 1.0533",
        "standard deviation": "1, 0.8, 0.231",
        "weighed with the new policy": "0.4 * 0.8 + 0.4 * 4 / 3 + 0.2, 0.4 * 0.8 + 0.4, 0.0533",
        "reward without the ratio's weight": "1, 1.0, 0.0533",
        "variance over the plain three numbers": "1, 0.8, 0.0726",
        "a slip of the point": "1, 0.8, 0.533",
        "in percent": "100, 80, 5.33",
    },
    "ex-ratio-silent": {
        "CleanRL's count": "return ((ratio - 1).abs() > clip_eps).double().mean()",
        "only the good tokens": """
            return ((ratio > 1 + clip_eps) & (advantages > 0)).double().mean()
        """,
        "only the bad tokens": """
            return ((ratio < 1 - clip_eps) & (advantages < 0)).double().mean()
        """,
        "signs swapped": """
            high = (ratio > 1 + clip_eps) & (advantages < 0)
            low = (ratio < 1 - clip_eps) & (advantages > 0)
            return (high | low).double().mean()
        """,
        "sum in place of the share": """
            high = (ratio > 1 + clip_eps) & (advantages > 0)
            low = (ratio < 1 - clip_eps) & (advantages < 0)
            return (high | low).sum()
        """,
        "in percent": """
            high = (ratio > 1 + clip_eps) & (advantages > 0)
            low = (ratio < 1 - clip_eps) & (advantages < 0)
            return 100 * (high | low).double().mean()
        """,
        "and in place of or": """
            high = (ratio > 1 + clip_eps) & (advantages > 0)
            low = (ratio < 1 - clip_eps) & (advantages < 0)
            return (high & low).double().mean()
        """,
        "clip_eps without the 1": """
            high = (ratio > clip_eps) & (advantages > 0)
            low = (ratio < -clip_eps) & (advantages < 0)
            return (high | low).double().mean()
        """,
        "clip_eps at its default": """
            high = (ratio > 1.2) & (advantages > 0)
            low = (ratio < 0.8) & (advantages < 0)
            return (high | low).double().mean()
        """,
        "one answer per token": """
            high = (ratio > 1 + clip_eps) & (advantages > 0)
            low = (ratio < 1 - clip_eps) & (advantages < 0)
            return high | low
        """,
        "the share that is not silent": """
            high = (ratio > 1 + clip_eps) & (advantages > 0)
            low = (ratio < 1 - clip_eps) & (advantages < 0)
            return (~(high | low)).double().mean()
        """,
        "a mean per row": """
            high = (ratio > 1 + clip_eps) & (advantages > 0)
            low = (ratio < 1 - clip_eps) & (advantages < 0)
            return (high | low).double().mean(-1)
        """,
        "the log of the ratio": """
            log_ratio = ratio.log()
            silent = (log_ratio > clip_eps) & (advantages > 0) | (log_ratio < -clip_eps) & (advantages < 0)
            return silent.double().mean()
        """,
        "the limits of the other sign": """
            silent = (ratio > 1 / (1 - clip_eps)) & (advantages > 0) | (ratio < 1 - clip_eps) & (advantages < 0)
            return silent.double().mean()
        """,
    },
    "ex-ratio-quotient": {
        "nothing repaired": "return -(logprobs / old_logprobs * rewards).mean()",
        "detached, still a ratio of logs": "return -(logprobs / old_logprobs.detach() * rewards).mean()",
        "detach forgotten": "return -((logprobs - old_logprobs).exp() * rewards).mean()",
        "exp forgotten": "return -((logprobs - old_logprobs.detach()) * rewards).mean()",
        "old and new swapped": "return -((old_logprobs.detach() - logprobs).exp() * rewards).mean()",
        "minus sign lost": "return ((logprobs - old_logprobs.detach()).exp() * rewards).mean()",
        "detached the wrong one": "return -((logprobs.detach() - old_logprobs).exp() * rewards).mean()",
        "sum in place of the mean": "return -((logprobs - old_logprobs.detach()).exp() * rewards).sum()",
        "the ratio detached": "return -((logprobs - old_logprobs).exp().detach() * rewards).mean()",
        "sign patched, logs still divided": "return (logprobs / old_logprobs.detach() * rewards).mean()",
        "exp of the quotient": "return -((logprobs / old_logprobs.detach()).exp() * rewards).mean()",
        "log of the ratio times the reward: REINFORCE": "return -(logprobs * rewards).mean()",
        "log ratio to base 10": "return -((10 ** (logprobs - old_logprobs.detach())) * rewards).mean()",
        "softmax": "return -((logprobs - old_logprobs.detach()).softmax(-1) * rewards).mean()",
        "product over the answer": """
            return -((logprobs - old_logprobs.detach()).sum(-1, keepdim=True).exp() * rewards).mean()
        """,
        "mean reward times mean ratio": "return -(logprobs - old_logprobs.detach()).exp().mean() * rewards.mean()",
        "centered rewards": "return -((logprobs - old_logprobs.detach()).exp() * (rewards - rewards.mean())).mean()",
        "minus one": "return -(((logprobs - old_logprobs.detach()).exp() - 1) * rewards).mean()",
        "old over new, no minus": "return ((old_logprobs.detach() - logprobs).exp() * rewards).mean()",
        "all in no_grad": """
            with torch.no_grad():
                return -((logprobs - old_logprobs).exp() * rewards).mean()
        """,
        "for each token": "return -((logprobs - old_logprobs.detach()).exp() * rewards)",
        "detached ratio times log-probability": """
            return -((logprobs - old_logprobs).exp().detach() * logprobs * rewards).mean()
        """,
        "rewards added": "return -((logprobs - old_logprobs.detach()).exp() + rewards).mean()",
        "probabilities divided, old not detached": "return -(logprobs.exp() / old_logprobs.exp() * rewards).mean()",
    },
    "ex-ratio-geometric": {
        "mask forgotten": "return (logprobs - old_logprobs.detach()).mean(-1).exp()",
        "divided by all places": """
            return ((logprobs - old_logprobs.detach()) * completion_mask).mean(-1).exp()
        """,
        "the product": "return ((logprobs - old_logprobs.detach()) * completion_mask).sum(-1).exp()",
        "the arithmetic mean": """
            ratio = (logprobs - old_logprobs.detach()).exp() * completion_mask
            return ratio.sum(-1) / completion_mask.sum(-1)
        """,
        "exp forgotten": """
            log_ratio = (logprobs - old_logprobs.detach()) * completion_mask
            return log_ratio.sum(-1) / completion_mask.sum(-1)
        """,
        "detach forgotten": """
            log_ratio = (logprobs - old_logprobs) * completion_mask
            return (log_ratio.sum(-1) / completion_mask.sum(-1)).exp()
        """,
        "old and new swapped": """
            log_ratio = (old_logprobs.detach() - logprobs) * completion_mask
            return (log_ratio.sum(-1) / completion_mask.sum(-1)).exp()
        """,
        "one number for the batch": """
            log_ratio = (logprobs - old_logprobs.detach()) * completion_mask
            return (log_ratio.sum() / completion_mask.sum()).exp()
        """,
        "over the batch in place of the tokens": """
            log_ratio = (logprobs - old_logprobs.detach()) * completion_mask
            return (log_ratio.sum(0) / completion_mask.sum(0)).exp()
        """,
        "mask inverted": """
            off = 1 - completion_mask
            log_ratio = (logprobs - old_logprobs.detach()) * off
            return (log_ratio.sum(-1) / off.sum(-1).clamp(min=1)).exp()
        """,
        "the gradient cut": """
            log_ratio = (logprobs.detach() - old_logprobs) * completion_mask
            return (log_ratio.sum(-1) / completion_mask.sum(-1)).exp()
        """,
        "a ratio of logs": """
            new = (logprobs * completion_mask).sum(-1)
            return new / (old_logprobs.detach() * completion_mask).sum(-1)
        """,
        "clipped as well": """
            log_ratio = (logprobs - old_logprobs.detach()) * completion_mask
            return (log_ratio.sum(-1) / completion_mask.sum(-1)).exp().clamp(0.8, 1.2)
        """,
        "the median": """
            rows = zip(logprobs, old_logprobs.detach(), completion_mask)
            return torch.stack([(n - o)[m > 0].median().exp() for n, o, m in rows])
        """,
        "the largest": "return ((logprobs - old_logprobs.detach()).exp() * completion_mask).amax(-1)",
        "the harmonic mean": """
            return completion_mask.sum(-1) / ((old_logprobs.detach() - logprobs).exp() * completion_mask).sum(-1)
        """,
        "kept dimension": """
            logs = (logprobs - old_logprobs.detach()) * completion_mask
            return (logs.sum(-1, keepdim=True) / completion_mask.sum(-1, keepdim=True)).exp()
        """,
        "for every token": """
            logs = (logprobs - old_logprobs.detach()) * completion_mask
            return (logs.sum(-1, keepdim=True) / completion_mask.sum(-1, keepdim=True)).exp() * completion_mask
        """,
        "root of the number of columns": """
            ratio = torch.where(completion_mask > 0, (logprobs - old_logprobs.detach()).exp(), 1.0)
            return ratio.prod(-1) ** (1 / ratio.shape[-1])
        """,
        "masked ratios multiplied": """
            ratio = (logprobs - old_logprobs.detach()).exp() * completion_mask
            return ratio.prod(-1) ** (1 / completion_mask.sum(-1))
        """,
        "the policy detached": """
            logs = (logprobs.detach() - old_logprobs) * completion_mask
            return (logs.sum(-1) / completion_mask.sum(-1)).exp()
        """,
        "square root": "return (((logprobs - old_logprobs.detach()) * completion_mask).sum(-1)).exp().sqrt()",
        "minus one": """
            logs = (logprobs - old_logprobs.detach()) * completion_mask
            return (logs.sum(-1) / (completion_mask.sum(-1) - 1)).exp()
        """,
        "mean of the batch": """
            logs = (logprobs - old_logprobs.detach()) * completion_mask
            return (logs.sum(-1) / completion_mask.sum(-1)).exp().mean()
        """,
        "GSPO's stopped gradient": """
            logs = (logprobs - old_logprobs.detach()) * completion_mask
            s = (logs.sum(-1) / completion_mask.sum(-1)).exp().detach()
            return s * (logprobs - logprobs.detach()).exp().mean(-1)
        """,
    },
    "ex-ratio-geometric: most_touched": {
        "many tokens, so many chances": '"token ratios"',
        "one number moves with all tokens": '"geometric means"',
        "one product": '"product"',
        "the place in the list": "2",
    },
}
