"""Answers to the exercises of the bug hunt."""

PAGE = "bug_hunt"

RIGHT = {
    "ex-hunt-plateau": {
        "in float32": """
            stuck_loss, stuck_reward = torch.tensor([13.8155, 0.2493]).unbind()
        """,
        "two digits after the point": "13.82, 0.25",
        "three digits": "13.8, 0.249",
        "with math": "6 * math.log(10), 1 - sum((8 / 9) ** t for t in range(1, 5)) / 4",
        "a geometric sum": """
            q = 8 / 9
            stuck_loss, stuck_reward = -math.log(1e-6), 1 - q * (1 - q**4) / (1 - q) / 4
        """,
        "tensors": """
            t = torch.arange(1, 5)
            stuck_loss, stuck_reward = -torch.tensor(1e-6).log(), (1 - (8 / 9) ** t).mean()
        """,
        "NumPy": """
            import numpy as np

            stuck_loss, stuck_reward = -np.log(1e-6), np.mean(1 - (8 / 9) ** np.arange(1, 5))
        """,
        "fractions": """
            from fractions import Fraction as F

            stuck_loss, stuck_reward = 13.8155, sum(1 - F(8, 9) ** t for t in range(1, 5)) / 4
        """,
        "tensors of one element": """
            stuck_loss = -torch.tensor([1e-6], dtype=torch.float64).log()
            stuck_reward = torch.tensor([0.2493])
        """,
    },
    "ex-hunt-ratio": {
        "in float64": """
            gap = (logprobs.double() - old_logprobs.double()).masked_fill(mask == 0, 0.0)
            return (gap.exp() - 1).abs().max().item()
        """,
        "where": """
            log_ratio = torch.where(mask == 1, logprobs - old_logprobs, 0.0)
            return (torch.exp(log_ratio) - 1).abs().max()
        """,
        "only what counts": """
            keep = mask.bool()
            return ((logprobs[keep] - old_logprobs[keep]).exp() - 1).abs().max()
        """,
        "expm1": """
            return torch.expm1((logprobs - old_logprobs)[mask > 0]).abs().amax()
        """,
        "both filled": """
            new = logprobs.masked_fill(mask == 0, 0.0)
            old = old_logprobs.masked_fill(mask == 0, 0.0)
            return ((new - old).exp() - 1).abs().max()
        """,
        "a loop": """
            worst = 0.0
            for new, old, keep in zip(logprobs.flatten(), old_logprobs.flatten(), mask.flatten()):
                if keep:
                    worst = max(worst, abs(math.exp(new.item() - old.item()) - 1))
            return worst
        """,
        "the two sides": """
            ratio = (logprobs - old_logprobs).masked_fill(~mask.bool(), 0.0).exp()
            return torch.maximum(ratio.max() - 1, 1 - ratio.min())
        """,
        "NumPy": """
            import numpy as np

            keep = mask.numpy() != 0
            return np.abs(np.exp(logprobs.numpy()[keep] - old_logprobs.numpy()[keep]) - 1).max()
        """,
        "the larger of two ends": """
            log = (logprobs - old_logprobs)[mask.bool()]
            return max(log.max().exp() - 1, 1 - log.min().exp())
        """,
        "in place": """
            logprobs.sub_(old_logprobs)
            logprobs[mask == 0] = 0
            return logprobs.exp_().sub_(1).abs_().amax()
        """,
    },
    "ex-hunt-kl": {
        "in float64": """
            logprobs, ref = logits.double().log_softmax(-1), ref_logits.double().log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).sum(-1).mean()
        """,
        "softmax beside log_softmax": """
            p = logits.softmax(-1)
            kl = (p * (logits.log_softmax(-1) - ref_logits.log_softmax(-1))).sum(dim=-1)
            return kl.mean()
        """,
        "kl_div": """
            log_p, log_q = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            kl = torch.nn.functional.kl_div(log_q, log_p, reduction="none", log_target=True)
            return kl.sum(-1).mean()
        """,
        "the library's distributions": """
            p = torch.distributions.Categorical(logits=logits)
            q = torch.distributions.Categorical(logits=ref_logits)
            return torch.distributions.kl_divergence(p, q).mean()
        """,
        "the mean put right": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).mean() * logits.shape[-1]
        """,
        "sum over B times T": """
            B, T, V = logits.shape
            logprobs, ref = logits.log_softmax(2), ref_logits.log_softmax(2)
            return (logprobs.exp() * (logprobs - ref)).sum() / (B * T)
        """,
        "einsum": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return torch.einsum("btv,btv->bt", logprobs.exp(), logprobs - ref).mean()
        """,
        "a loop": """
            kls = []
            for row, ref_row in zip(logits.flatten(0, 1), ref_logits.flatten(0, 1)):
                logp, logq = row.log_softmax(0), ref_row.log_softmax(0)
                kls.append((logp.exp() * (logp - logq)).sum())
            return torch.stack(kls).mean()
        """,
        "a Python float": """
            logp, logq = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return float((logp.exp() * (logp - logq)).sum(-1).mean())
        """,
        "cross entropy minus entropy": """
            p = logits.softmax(-1)
            return (torch.special.entr(p).sum(-1).neg() - (p * ref_logits.log_softmax(-1)).sum(-1)).mean()
        """,
        "lists": """
            import math
            total, count = 0.0, 0
            for row, ref in zip(logits.flatten(0, 1).tolist(), ref_logits.flatten(0, 1).tolist()):
                z, y = sum(map(math.exp, row)), sum(map(math.exp, ref))
                total += sum(math.exp(a) / z * ((a - b) - math.log(z / y)) for a, b in zip(row, ref))
                count += 1
            return total / count
        """,
        "NumPy": """
            import numpy as np
            a, b = logits.numpy().astype(float), ref_logits.numpy().astype(float)
            a = a - np.log(np.exp(a).sum(-1, keepdims=True))
            b = b - np.log(np.exp(b).sum(-1, keepdims=True))
            return (np.exp(a) * (a - b)).sum(-1).mean()
        """,
        "vocabulary times the mean": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).mean() * logits.shape[-1]
        """,
        "matrix product": """
            logprobs, ref = logits.log_softmax(-1).flatten(0, 1), ref_logits.log_softmax(-1).flatten(0, 1)
            return (logprobs.exp() @ (logprobs - ref).T).diagonal().mean()
        """,
        "logsumexp": """
            gap = logits - ref_logits
            return ((logits.softmax(-1) * gap).sum(-1) - logits.logsumexp(-1) + ref_logits.logsumexp(-1)).mean()
        """,
        "shape one": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).sum(2).mean().reshape(1)
        """,
    },
    "ex-hunt-price": {
        "in float64": """
            r = reward.double()
            return torch.xlogy(r, 10 * r) + torch.xlogy(1 - r, (1 - r) / 0.9)
        """,
        "where": """
            rest = 1 - reward
            safe = torch.where(rest > 0, rest, 1.0)
            second = torch.where(rest > 0, rest * (safe / 0.9).log(), 0.0)
            return reward * (10 * reward).log() + second
        """,
        "log of ten minus the entropy": """
            entr = torch.special.entr
            rest = 1 - reward
            return math.log(10) - entr(reward) - entr(rest) - rest * math.log(9)
        """,
        "entropy of the ten": """
            p = torch.cat([reward[..., None], ((1 - reward) / 9)[..., None].expand(*reward.shape, 9)], -1)
            return math.log(10) - torch.special.entr(p).sum(-1)
        """,
        "xlogy twice": """
            return torch.xlogy(reward, reward / 0.1) + torch.xlogy(1 - reward, (1 - reward) / 9 / 0.1)
        """,
        "nan_to_num": """
            rest = 1 - reward
            return reward * (reward / 0.1).log() + (rest * (rest / 9 / 0.1).log()).nan_to_num(0.0)
        """,
        "kl_div": """
            p = torch.stack([reward, 1 - reward], -1)
            q = torch.tensor([0.1, 0.9], dtype=reward.dtype).log()
            return torch.nn.functional.kl_div(q.expand_as(p), p, reduction="none").sum(-1)
        """,
        "a clamp that leaves no trace": """
            rest = 1 - reward
            return reward * (10 * reward).log() + rest * (rest.clamp(min=1e-30) / 0.9).log()
        """,
        "NumPy": """
            import numpy as np

            r = reward.numpy()
            rest = 1 - r
            second = rest * np.log(np.where(rest > 0, rest, 1) / 0.9)
            return r * np.log(10 * r) + np.where(rest > 0, second, 0)
        """,
        "a list comprehension": """
            import math
            def one(r):
                rest = 1 - r
                return (r * math.log(10 * r) if r > 0 else 0) + (rest * math.log(rest / 0.9) if rest > 0 else 0)
            return torch.tensor([one(r) for r in reward.flatten().tolist()]).view(reward.shape)
        """,
        "entr": """
            rest = 1 - reward
            return 2.302585093 - torch.special.entr(reward) - torch.special.entr(rest) - rest * 2.197224577
        """,
        "a distribution": """
            p = torch.stack([reward] + 9 * [(1 - reward) / 9], -1)
            return torch.special.xlogy(p, 10 * p).sum(-1)
        """,
        "masked": """
            out = reward * (10 * reward).log()
            less = reward < 1
            out[less] += (1 - reward[less]) * ((1 - reward[less]) / 0.9).log()
            return out
        """,
        "float64 and clamp": """
            rest = (1 - reward.double())
            return reward * (10 * reward).log() + rest * (rest.clamp(min=1e-300) / 0.9).log()
        """,
        "nansum": """
            terms = torch.stack([reward * torch.log(reward / 0.1), (1 - reward) * torch.log((1 - reward) / 0.9)])
            return terms.nansum(0)
        """,
        "in place": """
            first = reward.clone().mul_(10).log_().mul_(reward)
            rest = 1 - reward
            return first.add_(torch.xlogy(rest, rest / 0.9))
        """,
    },
    "ex-hunt-kl: true_number": {
        "a number": "2",
        "computed": "0.00004 * 50_000",
        "one decimal": "2.0",
    },
}

WRONG = {
    "ex-hunt-plateau": {
        "still 1e-8": "-math.log(1e-8), 0.249",
        "still eight places": "13.82, 0.390",
        "log in base 10": "6, 0.249",
        "log in base 2": "19.93, 0.249",
        "sign of the loss": "-13.82, 0.249",
        "log of the sigmoid of 0": "0.693, 0.249",
        "the exponents start at 0": "13.82, sum(1 - (8 / 9) ** t for t in range(4)) / 4",
        "the share of misses": "13.82, 1 - 0.2493",
        "the last place only": "13.82, 1 - (8 / 9) ** 4",
        "summed over the places": "13.82, 4 * 0.2493",
        "1/9 at every place": "13.82, 1 / 9",
        "1/10 in place of 1/9": "13.82, sum(1 - 0.9**t for t in range(1, 5)) / 4",
        "five places": "13.82, sum(1 - (8 / 9) ** t for t in range(1, 6)) / 5",
        "in percent": "13.82, 24.9",
        "the small number itself": "1e-6, 0.249",
        "hits in place of misses: (1/9) to the t": "13.82, sum((1 / 9) ** t for t in range(1, 5)) / 4",
    },
    "ex-hunt-ratio": {
        "mask last": """
            return (((logprobs - old_logprobs).exp() - 1).abs() * mask).max()
        """,
        "log-probabilities multiplied by the mask": """
            log_ratio = (logprobs - old_logprobs) * mask
            return (log_ratio.exp() - 1).abs().max()
        """,
        "mask forgotten": "return ((logprobs - old_logprobs).exp() - 1).abs().max()",
        "a mean": """
            log_ratio = (logprobs - old_logprobs).masked_fill(mask == 0, 0.0)
            return (log_ratio.exp() - 1).abs().mean()
        """,
        "distance without absolute value": """
            log_ratio = (logprobs - old_logprobs).masked_fill(mask == 0, 0.0)
            return (log_ratio.exp() - 1).max()
        """,
        "the largest ratio": """
            log_ratio = (logprobs - old_logprobs).masked_fill(mask == 0, 0.0)
            return log_ratio.exp().max()
        """,
        "the log ratio": """
            log_ratio = (logprobs - old_logprobs).masked_fill(mask == 0, 0.0)
            return log_ratio.abs().max()
        """,
        "old over new": """
            log_ratio = (old_logprobs - logprobs).masked_fill(mask == 0, 0.0)
            return (log_ratio.exp() - 1).abs().max()
        """,
        "mask inverted": """
            log_ratio = (logprobs - old_logprobs).masked_fill(mask == 1, 0.0)
            return (log_ratio.exp() - 1).abs().max()
        """,
        "one number for each row": """
            log_ratio = (logprobs - old_logprobs).masked_fill(mask == 0, 0.0)
            return (log_ratio.exp() - 1).abs().amax(-1)
        """,
        "a ratio of logs": """
            ratio = (logprobs / old_logprobs).masked_fill(mask == 0, 1.0)
            return (ratio - 1).abs().max()
        """,
        "unused places get a ratio of 0": """
            ratio = (logprobs - old_logprobs).exp().masked_fill(mask == 0, 0.0)
            return (ratio - 1).abs().max()
        """,
        "the spread: largest minus smallest": """
            ratio = (logprobs - old_logprobs).masked_fill(mask == 0, 0.0).exp()
            return ratio.max() - ratio.min()
        """,
        "the smallest distance": """
            keep = mask.bool()
            return ((logprobs[keep] - old_logprobs[keep]).exp() - 1).abs().min()
        """,
        "a ratio for the whole answer": """
            log_ratio = (logprobs - old_logprobs).masked_fill(mask == 0, 0.0).sum(-1)
            return (log_ratio.exp() - 1).abs().max()
        """,
        "nan_to_num after the product": """
            return (((logprobs - old_logprobs).exp() - 1) * mask).nan_to_num(9.0).abs().max()
        """,
        "the largest ratio minus 1": "return (logprobs - old_logprobs)[mask > 0].exp().max() - 1",
        "a quotient of logs": "return (logprobs[mask > 0] / old_logprobs[mask > 0] - 1).abs().max()",
        "probabilities subtracted": "return (logprobs[mask > 0].exp() - old_logprobs[mask > 0].exp()).abs().max()",
        "the range": """
            return (logprobs - old_logprobs)[mask > 0].exp().max() - (logprobs - old_logprobs)[mask > 0].exp().min()
        """,
        "the ratio of an answer": """
            return (((logprobs - old_logprobs).masked_fill(mask == 0, 0)).sum(1).exp() - 1).abs().max()
        """,
        "a sum": "return ((logprobs - old_logprobs)[mask > 0].exp() - 1).abs().sum()",
        "the exp of the largest log": "return (logprobs - old_logprobs)[mask > 0].abs().max().exp() - 1",
        "the root mean square": "return ((logprobs - old_logprobs)[mask > 0].exp() - 1).square().mean().sqrt()",
        "yes or no": "return ((logprobs - old_logprobs)[mask > 0].exp() - 1).abs().max() < 1e-4",
    },
    "ex-hunt-kl": {
        "nothing repaired": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).mean()
        """,
        "the sum of everything": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).sum()
        """,
        "probabilities forgotten": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs - ref).sum(-1).mean()
        """,
        "probabilities forgotten, a mean": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs - ref).mean()
        """,
        "the other KL": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (ref.exp() * (ref - logprobs)).sum(-1).mean()
        """,
        "weighed with the reference": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (ref.exp() * (logprobs - ref)).sum(-1).mean()
        """,
        "sign": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (ref - logprobs)).sum(-1).mean()
        """,
        "one number for each token": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).sum(-1)
        """,
        "summed over the tokens of a completion": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).sum((1, 2)).mean()
        """,
        "summed over the batch": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).sum(0).mean()
        """,
        "softmax over the tokens": """
            logprobs, ref = logits.log_softmax(1), ref_logits.log_softmax(1)
            return (logprobs.exp() * (logprobs - ref)).sum(-1).mean()
        """,
        "logits taken for log-probabilities": """
            return (logits.softmax(-1) * (logits - ref_logits)).sum(-1).mean()
        """,
        "vocabulary hard-coded at 50,000": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return 50_000 * (logprobs.exp() * (logprobs - ref)).mean()
        """,
        "kl_div with its arguments swapped": """
            log_p, log_q = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return torch.nn.functional.kl_div(log_p, log_q, reduction="none", log_target=True).sum(-1).mean()
        """,
        "in bits": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return (logprobs.exp() * (logprobs - ref)).sum(-1).mean() / math.log(2)
        """,
        "batchmean of the library": """
            log_p, log_q = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            return torch.nn.functional.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
        """,
        "the largest": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return terms.sum(-1).max()
        """,
        "absolute terms": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return terms.abs().sum(-1).mean()
        """,
        "k3 of the logs": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return ((ref - logprobs).exp() - 1 - (ref - logprobs)).sum(-1).mean()
        """,
        "squares": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return (logprobs.exp() * (logprobs - ref) ** 2 / 2).sum(-1).mean()
        """,
        "both directions": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return ((logprobs.exp() - ref.exp()) * (logprobs - ref)).sum(-1).mean()
        """,
        "Jensen-Shannon": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return (terms.sum(-1).mean() + (ref.exp() * (ref - logprobs)).sum(-1).mean()) / 2
        """,
        "the last token": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return terms.sum(-1)[:, -1].mean()
        """,
        "divided by B alone": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return terms.sum() / len(logits)
        """,
        "divided by T alone": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return terms.sum() / logits.shape[1]
        """,
        "entropy": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return torch.special.entr(logprobs.exp()).sum(-1).mean()
        """,
        "cross entropy": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return -(logprobs.exp() * ref).sum(-1).mean()
        """,
        "times the batch": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return terms.mean() * len(logits)
        """,
        "most likely token": """
            logprobs, ref = logits.log_softmax(-1), ref_logits.log_softmax(-1)
            terms = logprobs.exp() * (logprobs - ref)
            return (logprobs - ref).max(-1).values.mean()
        """,
    },
    "ex-hunt-price": {
        "NaN at 1": """
            rest = 1 - reward
            return reward * (10 * reward).log() + rest * (rest / 0.9).log()
        """,
        "only the first term": "return reward * (10 * reward).log()",
        "the rest not shared by nine": """
            rest = 1 - reward
            return torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, 10 * rest)
        """,
        "the other KL": """
            rest = (1 - reward).clamp(min=1e-12)
            return 0.1 * (0.1 / reward).log() + 0.9 * (0.9 / rest).log()
        """,
        "the reference forgotten": """
            rest = 1 - reward
            return torch.xlogy(reward, reward) + torch.xlogy(rest, rest / 9)
        """,
        "in bits": """
            rest = 1 - reward
            return (torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9)) / math.log(2)
        """,
        "sign": """
            rest = 1 - reward
            return -torch.xlogy(reward, 10 * reward) - torch.xlogy(rest, rest / 0.9)
        """,
        "nine times the rest": """
            rest = 1 - reward
            return torch.xlogy(reward, 10 * reward) + 9 * torch.xlogy(rest, rest / 0.9)
        """,
        "a mean over the rewards": """
            rest = 1 - reward
            return (torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9)).mean()
        """,
        "an epsilon that shows": """
            rest = 1 - reward + 1e-2
            return reward * (10 * reward).log() + rest * (rest / 0.9).log()
        """,
        "weights forgotten": """
            rest = (1 - reward).clamp(min=1e-12)
            return (10 * reward).log() + (rest / 0.9).log()
        """,
        "log of the reward over the uniform, alone": "return (10 * reward).log()",
        "nine in place of nine tenths": """
            rest = 1 - reward
            return torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 9)
        """,
        "the entropy in place of the KL": """
            rest = 1 - reward
            return -torch.xlogy(reward, reward) - torch.xlogy(rest, rest / 9)
        """,
        "clamped below 1": """
            reward = reward.clamp(max=0.99)
            rest = 1 - reward
            return torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9)
        """,
        "log1p slip": """
            rest = 1 - reward
            return torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, 0.9 / rest)
        """,
        "ten in place of nine tenths": """
            rest = 1 - reward
            return torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, 10 * rest / 9) / 9
        """,
        "nine terms of one": """
            rest = 1 - reward
            return torch.xlogy(reward, 10 * reward) + 9 * torch.xlogy(rest, rest / 0.9)
        """,
        "rest not divided among nine": """
            rest = 1 - reward
            return torch.xlogy(reward, 10 * reward) + torch.xlogy(rest / 9, rest / 0.9)
        """,
        "log of ten missing": """
            rest = 1 - reward
            return torch.xlogy(reward, reward) + torch.xlogy(rest, rest / 9)
        """,
        "reference for token 1 is 1/9": """
            rest = 1 - reward
            return torch.xlogy(reward, 9 * reward) + torch.xlogy(rest, rest / 0.9)
        """,
        "log10": """
            rest = 1 - reward
            return (torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9)) / 2.302585093
        """,
        "sum of all": """
            rest = 1 - reward
            return (torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9)).sum()
        """,
        "infinite at 1": """
            rest = 1 - reward
            price = torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9)
            return torch.where(reward == 1, float("inf"), price)
        """,
        "zero at 1": """
            rest = 1 - reward
            return torch.where(reward == 1, 0.0, torch.xlogy(reward, 10 * reward) + torch.xlogy(rest, rest / 0.9))
        """,
        "two tokens": """
            rest = 1 - reward
            return torch.xlogy(reward, 2 * reward) + torch.xlogy(rest, 2 * rest)
        """,
        "plain logs": """
            rest = 1 - reward
            return (10 * reward).log() + (rest / 0.9).log()
        """,
        "squared gap": """
            rest = 1 - reward
            return (reward - 0.1) ** 2 / 0.09 / 2
        """,
    },
    "ex-hunt-kl: true_number": {
        "what he logs": "0.00004",
        "divided once more": "0.00004 / 50_000",
        "a zero too few": "0.2",
        "a zero too many": "20",
        "the size of the vocabulary": "50_000",
        "the most that ten tokens allow": "math.log(10)",
        "the log of the vocabulary": "math.log(50_000)",
        "in bits": "2 / math.log(2)",
        "wrong sign": "-2",
    },
}
