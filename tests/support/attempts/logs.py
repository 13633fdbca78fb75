"""Answers to the exercises of "Probs and logprobs": the chapter about log-probabilities."""

PAGE = "01_probs_and_logprobs"

RIGHT = {
    "ex-logs-two-hundred": {
        "from a pocket calculator": "-321.9, 5, -139.8",
        "in whole numbers": "-322, 5, -140",
        "with math": "200 * math.log(0.2), 1 / 0.2, 200 * math.log10(0.2)",
        "a list": "[-321.888, 5.0, -139.794]",
        "scalar tensors": """
            lp = 200 * torch.tensor(0.2).log()
            logprob, perplexity, power_of_ten = lp, torch.exp(-lp / 200), lp / math.log(10)
        """,
        "tensors of one element": """
            lp = torch.tensor([0.2]).log()
            logprob, perplexity, power_of_ten = 200 * lp, (-lp).exp(), 200 * lp / torch.tensor([10.0]).log()
        """,
        "NumPy": """
            import numpy as np

            lp = np.log(np.full(200, 0.2))
            logprob, perplexity, power_of_ten = lp.sum(), np.exp(-lp.mean()), np.log10(0.2) * 200
        """,
        "float32 from end to end": """
            lp = torch.full((200,), 0.2, dtype=torch.float32).log()
            logprob, perplexity, power_of_ten = lp.sum(), (-lp.mean()).exp(), lp.sum() / torch.tensor(10.0).log()
        """,
        "float16 for the tokens, float32 for the sum": """
            lp = torch.full((200,), 0.2).log().half()
            total = lp.float().sum()
            logprob, perplexity, power_of_ten = total, (-total / 200).exp(), total / 2.302585
        """,
        "a fraction for the perplexity": """
            from fractions import Fraction

            logprob, perplexity, power_of_ten = -200 * math.log(5), Fraction(5), -200 * math.log10(5)
        """,
    },
    "ex-logs-padding": {
        "masked_fill": """
            kept = logprobs.masked_fill(completion_mask == 0, 0.0)
            return kept.sum(1), (-kept.sum(1) / completion_mask.sum(1)).exp()
        """,
        "a loop over rows": """
            totals, perplexities = [], []
            for row, keep in zip(logprobs, completion_mask):
                kept = row[keep == 1]
                totals.append(kept.sum())
                perplexities.append(torch.exp(-kept.mean()))
            return torch.stack(totals), torch.stack(perplexities)
        """,
        "the book's own function": """
            total = sequence_logprobs(logprobs, completion_mask)
            return total, (-total / completion_mask.sum(-1)).exp()
        """,
        "nan_to_num before the product": """
            clean = torch.nan_to_num(logprobs, nan=0.0, posinf=0.0, neginf=0.0)
            total = (clean * completion_mask).sum(dim=-1)
            return total, torch.exp(-total / completion_mask.sum(dim=-1))
        """,
        "NumPy": """
            import numpy as np

            lp, mask = logprobs.numpy(), completion_mask.numpy()
            total = np.where(mask == 1, lp, 0).sum(1)
            return total, np.exp(-total / mask.sum(1))
        """,
        "lists of Python floats": """
            sums, perplexities = [], []
            for row, keep in zip(logprobs.tolist(), completion_mask.tolist()):
                kept = [x for x, k in zip(row, keep) if k]
                sums.append(sum(kept))
                perplexities.append(math.exp(-sum(kept) / len(kept)))
            return torch.tensor(sums), torch.tensor(perplexities)
        """,
        "in place on a copy": """
            kept = logprobs.clone()
            kept[~completion_mask.bool()] = 0.0
            total = kept.sum(-1)
            return total, torch.exp(-total / completion_mask.sum(-1))
        """,
    },
    "ex-logs-bugs": {
        "softmax over dimension 2": """
            ids = torch.cat((prompt_ids, completion_ids), 1)
            logprobs = policy(ids[:, :-1]).log_softmax(2)
            return logprobs.gather(2, completion_ids.unsqueeze(2)).squeeze(2).sum(1)
        """,
        "the book's own functions": "return token_logprobs(policy, prompt_ids, completion_ids).sum(1)",
        "the book's own functions twice": """
            return sequence_logprobs(token_logprobs(policy, prompt_ids, completion_ids))
        """,
        "cross entropy": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logits = policy(ids[:, :-1])
            loss = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), completion_ids, reduction="none")
            return -loss.sum(-1)
        """,
        "a loop over tokens": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logits = policy(ids[:, :-1])
            total = 0.0
            for t in range(completion_ids.shape[1]):
                row = logits[:, t].log_softmax(-1)
                total = total + row[torch.arange(len(ids)), completion_ids[:, t]]
            return total
        """,
        "logit minus logsumexp": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logits = policy(ids[:, :-1])
            picked = logits.gather(-1, completion_ids[..., None])[..., 0]
            return (picked - logits.logsumexp(-1)).sum(-1)
        """,
    },
    "ex-logs-frozen": {
        "whole numbers": "4, 0",
        "floats": "4.0, 0.0",
        "tensors": "torch.tensor(4.0), torch.tensor(0.0)",
        "tensors in float16": "torch.tensor([4.0], dtype=torch.float16), torch.zeros(1, dtype=torch.float16)",
        "NumPy": """
            import numpy as np

            x = np.float16(1)
            y = np.float16(1)
            for _ in range(10_000):
                x, y = x * np.float16(0.9), y * np.float16(0.4)
            rung_of_09, rung_of_04 = float(x) * 2**24, float(y) * 2**24
        """,
        "run in PyTorch": """
            x, y = torch.ones(2, dtype=torch.float16)
            for _ in range(10_000):
                x, y = x * torch.tensor(0.9).half(), y * torch.tensor(0.4).half()
            rung_of_09, rung_of_04 = x.double() / 2**-24, y.double() / 2**-24
        """,
    },
    "ex-logs-temperature": {
        "bisection with a for loop and midpoints": """
            low, high = 0.01, 100.0
            for _ in range(80):
                tau = (low + high) / 2
                p = (logits / tau).softmax(-1)
                if torch.special.entr(p).sum().exp() < width:
                    low = tau
                else:
                    high = tau
            return tau
        """,
        "until the interval is short": """
            low, high = 0.01, 100.0
            while high / low > 1 + 1e-7:
                tau = math.sqrt(low * high)
                logp = (logits / tau).log_softmax(-1)
                entropy = -(logp.exp() * logp).sum()
                low, high = (tau, high) if entropy < math.log(width) else (low, tau)
            return torch.tensor(tau)
        """,
        "NumPy": """
            import numpy as np

            z = np.asarray(logits.tolist())
            low, high = -2.0, 2.0
            for _ in range(60):
                middle = (low + high) / 2
                x = z / 10**middle
                p = np.exp(x - x.max())
                p /= p.sum()
                entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
                if np.exp(entropy) < width:
                    low = middle
                else:
                    high = middle
            return 10**middle
        """,
        "a fine grid, then a finer one": """
            low, high = 0.01, 100.0
            for _ in range(6):
                taus = torch.logspace(math.log10(low), math.log10(high), 101, dtype=torch.float64)
                p = (logits.double() / taus[:, None]).softmax(-1)
                widths = torch.special.entr(p).sum(-1).exp()
                i = int((widths < width).sum().clamp(1, 100))
                low, high = taus[i - 1].item(), taus[i].item()
            return (low * high) ** 0.5
        """,
        "the library's distribution": """
            low, high = 0.01, 100.0
            for _ in range(60):
                middle = (low * high) ** 0.5
                entropy = torch.distributions.Categorical(logits=logits / middle).entropy()
                if entropy.exp() < width:
                    low = middle
                else:
                    high = middle
            return middle
        """,
        "a helper of its own": """
            def entropy(logits, tau):
                return torch.special.entr(torch.softmax(logits / tau, dim=-1)).sum()


            def find_temperature(logits, width):
                low, high = 0.01, 100.0
                for _ in range(60):
                    middle = (low * high) ** 0.5
                    if entropy(logits, middle) > math.log(width):
                        high = middle
                    else:
                        low = middle
                return low
        """,
        "bisection of the logarithm, a tensor of one element": """
            low, high = math.log(0.01), math.log(100.0)
            for _ in range(100):
                middle = 0.5 * (low + high)
                p = torch.softmax(logits * math.exp(-middle), 0)
                if math.exp(torch.special.entr(p).sum().item()) >= width:
                    high = middle
                else:
                    low = middle
            return torch.tensor([math.exp(high)])
        """,
        "Newton on the logarithm": """
            tau = 1.0
            low, high = 0.01, 100.0
            for _ in range(200):
                w = torch.special.entr((logits.double() / tau).softmax(-1)).sum().exp().item()
                low, high = (tau, high) if w < width else (low, tau)
                tau = (low * high) ** 0.5
            return torch.tensor([tau])
        """,
        "recursion": """
            def between(low, high):
                middle = (low + high) / 2
                if high - low < 1e-9:
                    return middle
                p = (logits / middle).softmax(0)
                wide = (-(p * p.clamp(min=1e-38).log()).sum()).exp() >= width
                return between(low, middle) if wide else between(middle, high)

            return between(0.01, 100.0)
        """,
        "in place": """
            low, high = torch.tensor(0.01), torch.tensor(100.0)
            for _ in range(80):
                middle = (low * high).sqrt()
                entropy = torch.special.entr(torch.softmax(logits / middle, 0)).sum()
                (low if entropy.exp() < width else high).copy_(middle)
            return high
        """,
        "a list of logits": """
            import math
            row = logits.tolist()
            low, high = 0.01, 100.0
            for _ in range(70):
                tau = (low * high) ** 0.5
                top = max(row)
                p = [math.exp((x - top) / tau) for x in row]
                p = [x / sum(p) for x in p]
                entropy = -sum(x * math.log(x) for x in p if x > 0)
                low, high = (tau, high) if math.exp(entropy) < width else (low, tau)
            return low
        """,
        "vectorised grid of logarithms": """
            taus = torch.logspace(-2, 2, 200001, dtype=torch.float64)
            best = None
            for part in taus.split(20000):
                w = torch.special.entr((logits.double() / part[:, None]).softmax(-1)).sum(-1).exp()
                gap, at = (w - width).abs().min(0)
                if best is None or gap < best[0]:
                    best = gap, part[at]
            return best[1]
        """,
        "entropy compared with log width": """
            import numpy as np
            x, low, high = logits.numpy().astype(float), 0.01, 100.0
            for _ in range(64):
                tau = np.sqrt(low * high)
                z = x / tau - np.max(x / tau)
                p = np.exp(z) / np.exp(z).sum()
                if -(p * z).sum() + np.log(np.exp(z).sum()) < np.log(width):
                    low = tau
                else:
                    high = tau
            return np.float64(tau)
        """,
    },
}

WRONG = {
    "ex-logs-two-hundred": {
        "bits in place of nats": "200 * math.log2(0.2), 5, -139.8",
        "the power of ten as log-probability": "-139.8, 5, -139.8",
        "sign of the log-probability": "321.9, 5, -139.8",
        "mean in place of the sum": "math.log(0.2), 5, -139.8",
        "perplexity without the minus": "-321.9, 0.2, -139.8",
        "perplexity: exp forgotten": "-321.9, 1.609, -139.8",
        "perplexity from the sum, not the mean": "-321.9, math.exp(321.9), -139.8",
        "sign of the power of ten": "-321.9, 5, 139.8",
        "nats taken for powers of ten": "-321.9, 5, -321.9",
        "power of ten: times 2.3 instead of divided by": "-321.9, 5, -321.9 * 2.3026",
        "the probability in float32, which is zero": "-math.inf, 5, -math.inf",
        "the product in float32, which is zero, and its log": """
            p = torch.full((200,), 0.2).prod()
            logprob, perplexity, power_of_ten = p.log(), (-p.log() / 200).exp(), p.log10()
        """,
        "the probability in place of its power of ten": "-321.9, 5, 10**-139.8",
    },
    "ex-logs-padding": {
        "mask forgotten": "return logprobs.sum(-1), (-logprobs.mean(-1)).exp()",
        "multiplied: zero times minus infinity": """
            total = (logprobs * completion_mask).sum(-1)
            return total, torch.exp(-total / completion_mask.sum(-1))
        """,
        "mean over the padding too": """
            kept = torch.where(completion_mask == 1, logprobs, 0.0)
            return kept.sum(-1), torch.exp(-kept.mean(-1))
        """,
        "mask inverted": """
            kept = torch.where(completion_mask == 0, logprobs, 0.0)
            total = kept.sum(-1)
            return total, torch.exp(-total / (1 - completion_mask).sum(-1))
        """,
        "perplexity without the minus": """
            total = torch.where(completion_mask == 1, logprobs, 0.0).sum(-1)
            return total, torch.exp(total / completion_mask.sum(-1))
        """,
        "perplexity: exp forgotten": """
            total = torch.where(completion_mask == 1, logprobs, 0.0).sum(-1)
            return total, -total / completion_mask.sum(-1)
        """,
        "perplexity from the sum": """
            total = torch.where(completion_mask == 1, logprobs, 0.0).sum(-1)
            return total, torch.exp(-total)
        """,
        "mean log-probability as that of the answer": """
            mean = torch.where(completion_mask == 1, logprobs, 0.0).sum(-1) / completion_mask.sum(-1)
            return mean, torch.exp(-mean)
        """,
        "one number for the whole batch": """
            total = torch.where(completion_mask == 1, logprobs, 0.0).sum()
            return total, torch.exp(-total / completion_mask.sum())
        """,
        "padding filled with minus infinity": """
            kept = logprobs.masked_fill(completion_mask == 0, float("-inf"))
            return kept.sum(-1), torch.exp(-kept.sum(-1) / completion_mask.sum(-1))
        """,
        "the two results swapped": """
            total = torch.where(completion_mask == 1, logprobs, 0.0).sum(-1)
            return torch.exp(-total / completion_mask.sum(-1)), total
        """,
    },
    "ex-logs-bugs": {
        "nothing repaired": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logprobs = policy(ids[:, :-1]).log_softmax(1)
            picked = logprobs.gather(-1, completion_ids[..., None])[..., 0]
            return picked.mean(-1)
        """,
        "only the softmax repaired": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logprobs = policy(ids[:, :-1]).log_softmax(-1)
            picked = logprobs.gather(-1, completion_ids[..., None])[..., 0]
            return picked.mean(-1)
        """,
        "only the mean repaired": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logprobs = policy(ids[:, :-1]).log_softmax(1)
            picked = logprobs.gather(-1, completion_ids[..., None])[..., 0]
            return picked.sum(-1)
        """,
        "softmax over the batch": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logprobs = policy(ids[:, :-1]).log_softmax(0)
            picked = logprobs.gather(-1, completion_ids[..., None])[..., 0]
            return picked.sum(-1)
        """,
        "shifted by one: the rows after the tokens": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logprobs = policy(ids[:, 1:]).log_softmax(-1)
            picked = logprobs.gather(-1, completion_ids[..., None])[..., 0]
            return picked.sum(-1)
        """,
        "probability in place of log-probability": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            probs = policy(ids[:, :-1]).softmax(-1)
            return probs.gather(-1, completion_ids[..., None])[..., 0].prod(-1)
        """,
        "one number for the batch": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logprobs = policy(ids[:, :-1]).log_softmax(-1)
            return logprobs.gather(-1, completion_ids[..., None]).sum()
        """,
        "one number per token": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logprobs = policy(ids[:, :-1]).log_softmax(-1)
            return logprobs.gather(-1, completion_ids[..., None])[..., 0]
        """,
        "a sigmoid in place of the softmax": """
            ids = torch.cat([prompt_ids, completion_ids], dim=1)
            logprobs = torch.nn.functional.logsigmoid(policy(ids[:, :-1]))
            return logprobs.gather(-1, completion_ids[..., None])[..., 0].sum(-1)
        """,
        "sign: the negative log-likelihood": "return -token_logprobs(policy, prompt_ids, completion_ids).sum(-1)",
    },
    "ex-logs-frozen": {
        "underflows to zero": "0, 0",
        "stops one rung early: 4.5 rounds up": "5, 0",
        "goes down to the last rung": "1, 0",
        "0.4 freezes as well": "4, 4",
        "0.4 stays on the last rung": "4, 1",
        "the two swapped": "0, 4",
        "heights in place of rungs": "4 * 2**-24, 0",
        "stops right below the tenth rung": "9, 0",
        "the true value in rungs": "0.9**10000 * 2**24, 0.4**10000 * 2**24",
    },
    "ex-logs-temperature": {
        "halves the wrong way": """
            low, high = 0.01, 100.0
            for _ in range(60):
                middle = (low * high) ** 0.5
                p = (logits / middle).softmax(-1)
                if torch.special.entr(p).sum().exp() > width:
                    low = middle
                else:
                    high = middle
            return middle
        """,
        "exp forgotten: the entropy is taken for the width": """
            low, high = 0.01, 100.0
            for _ in range(60):
                middle = (low * high) ** 0.5
                p = (logits / middle).softmax(-1)
                if torch.special.entr(p).sum() < width:
                    low = middle
                else:
                    high = middle
            return middle
        """,
        "entropy in bits, width from e": """
            low, high = 0.01, 100.0
            for _ in range(60):
                middle = (low * high) ** 0.5
                p = (logits / middle).softmax(-1)
                if (torch.special.entr(p).sum() / math.log(2)).exp() < width:
                    low = middle
                else:
                    high = middle
            return middle
        """,
        "logits multiplied by the temperature": """
            low, high = 0.01, 100.0
            for _ in range(60):
                middle = (low * high) ** 0.5
                p = (logits * middle).softmax(-1)
                if torch.special.entr(p).sum().exp() > width:
                    low = middle
                else:
                    high = middle
            return middle
        """,
        "too few rounds": """
            low, high = 0.01, 100.0
            for _ in range(6):
                middle = (low * high) ** 0.5
                p = (logits / middle).softmax(-1)
                if torch.special.entr(p).sum().exp() < width:
                    low = middle
                else:
                    high = middle
            return middle
        """,
        "a coarse grid": """
            taus = torch.linspace(0.01, 100, 1000)
            widths = [torch.special.entr((logits / t).softmax(-1)).sum().exp() for t in taus]
            return min(zip(taus, widths), key=lambda x: abs(x[1] - width))[0]
        """,
        "the answer for the strip in the text": "return 0.509",
        "width as one over the largest probability": """
            low, high = 0.01, 100.0
            for _ in range(60):
                middle = (low * high) ** 0.5
                if 1 / (logits / middle).softmax(-1).max() < width:
                    low = middle
                else:
                    high = middle
            return middle
        """,
        "the temperature divides the probabilities": """
            low, high = 0.01, 100.0
            p = logits.softmax(-1)
            for _ in range(60):
                middle = (low * high) ** 0.5
                q = (p / middle).softmax(-1)
                if torch.special.entr(q).sum().exp() < width:
                    low = middle
                else:
                    high = middle
            return middle
        """,
        "returns the width that was reached": """
            low, high = 0.01, 100.0
            for _ in range(60):
                middle = (low * high) ** 0.5
                reached = torch.special.entr((logits / middle).softmax(-1)).sum().exp()
                if reached < width:
                    low = middle
                else:
                    high = middle
            return reached
        """,
        "stops at a width of 1 more": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if torch.special.entr(p).sum().exp() < width + 1:
                    low = tau
                else:
                    high = tau
            return tau
        """,
        "the square of the temperature": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if torch.special.entr(p).sum().exp() < width:
                    low = tau
                else:
                    high = tau
            return tau ** 2
        """,
        "width as the share of the largest": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if 1 / p.max() < width:
                    low = tau
                else:
                    high = tau
            return tau
        """,
        "perplexity of base 2 of nats": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if 2 ** torch.special.entr(p).sum() < width:
                    low = tau
                else:
                    high = tau
            return tau
        """,
        "counts tokens above a tenth": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if (p > 0.1).sum() < width:
                    low = tau
                else:
                    high = tau
            return tau
        """,
        "1 / tau": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if torch.special.entr(p).sum().exp() < width:
                    low = tau
                else:
                    high = tau
            return 1 / tau
        """,
        "logits times tau": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits * tau).softmax(-1)
                if torch.special.entr(p).sum().exp() < width:
                    low = tau
                else:
                    high = tau
            return tau
        """,
        "a constant": "return 0.51",
        "log of the temperature": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if torch.special.entr(p).sum().exp() < width:
                    low = tau
                else:
                    high = tau
            return torch.tensor(tau).log()
        """,
        "searches from 1 up": """
            low, high = 1.0, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if torch.special.entr(p).sum().exp() < width:
                    low = tau
                else:
                    high = tau
            return tau
        """,
        "returns both ends": """
            low, high = 0.01, 100.0
            for _ in range(60):
                tau = (low * high) ** 0.5
                p = (logits / tau).softmax(-1)
                if torch.special.entr(p).sum().exp() < width:
                    low = tau
                else:
                    high = tau
            return low, high
        """,
    },
}
