"""Answers to the exercises of the chapter about names."""

PAGE = "11_names"

RIGHT = {
    "ex-names-loss": {
        "two digits": "3.30, 0.92, 2.30",
        "from a pocket calculator": "3.296, 0.924, 2.3",
        "with math": "math.log(27), 4 / 3 * math.log(2), 23 / 10",
        "fractions of a log": """
            from fractions import Fraction

            equally_likely, bo, batch = 3 * math.log(3), (1 + 2 + 1) * 0.693147 / 3, Fraction(23, 10)
        """,
        "tensors": """
            equally_likely = torch.tensor(27.0).log()
            bo = -torch.tensor([0.5, 0.25, 0.5]).log().mean()
            batch = torch.tensor([9.0, 14.0]).sum() / 10
        """,
        "NumPy": """
            import numpy as np

            equally_likely, bo, batch = np.log(27), -np.log([0.5, 0.25, 0.5]).mean(), np.average([3, 2], weights=[3, 7])
        """,
        "tensors of one element": """
            equally_likely, bo = torch.tensor([27.0]).log(), torch.tensor([1 / 16]).log() / -3
            batch = torch.tensor([2.3])
        """,
    },
    "ex-names-mask": {
        "other names": """
            def completion_mask(ids, end):
                is_end = (ids == end).int()
                return (is_end.cumsum(-1) - is_end).eq(0)
        """,
        "the book's own function": "return mask_after_end(completion_ids, end_id)",
        "a product": """
            going = (completion_ids != end_id).long().cumprod(1)
            before = torch.cat([torch.ones_like(going[:, :1]), going[:, :-1]], 1)
            return before
        """,
        "a loop": """
            mask = torch.zeros_like(completion_ids)
            for b, row in enumerate(completion_ids.tolist()):
                n = row.index(end_id) + 1 if end_id in row else len(row)
                mask[b, :n] = 1
            return mask
        """,
        "argmax": """
            is_end = completion_ids == end_id
            T = completion_ids.shape[1]
            first = torch.where(is_end.any(1), is_end.int().argmax(1), T - 1)
            return torch.arange(T) <= first[:, None]
        """,
        "floats": """
            is_end = (completion_ids == end_id).float()
            return ((is_end.cumsum(1) - is_end) < 0.5).float()
        """,
        "NumPy": """
            import numpy as np

            end = completion_ids.numpy() == end_id
            return torch.from_numpy(np.cumsum(end, axis=1) - end == 0)
        """,
        "in place, from left to right": """
            mask = torch.ones_like(completion_ids, dtype=torch.bool)
            for t in range(1, completion_ids.shape[1]):
                mask[:, t] = mask[:, t - 1] & (completion_ids[:, t - 1] != end_id)
            return mask
        """,
        "lists": """
            rows = []
            for row in completion_ids.tolist():
                going, out = 1, []
                for token in row:
                    out.append(going)
                    if token == end_id:
                        going = 0
                rows.append(out)
            return torch.tensor(rows)
        """,
        "first end by argmax": """
            end = completion_ids == end_id
            first = torch.where(end.any(1), end.int().argmax(1), completion_ids.shape[1])
            return torch.arange(completion_ids.shape[1]) <= first[:, None]
        """,
        "cumprod": """
            alive = (completion_ids != end_id).long().cumprod(1)
            return torch.cat([torch.ones_like(alive[:, :1]), alive[:, :-1]], 1)
        """,
        "cummax": """
            end = (completion_ids == end_id).int()
            seen = end.cummax(1).values
            return 1 - (seen - end) - (end * (end.cumsum(1) > 1))
        """,
        "float": """
            end = (completion_ids == end_id).float()
            return (end.cumsum(1) - end < 0.5).float()
        """,
    },
    "ex-names-bug": {
        "in float64": """
            return -(logprobs.double() * mask).sum() / mask.double().sum()
        """,
        "only what counts": "return -logprobs[mask].mean()",
        "where": "return -torch.where(mask, logprobs, 0.0).sum() / mask.sum()",
        "weights": "return -(logprobs * (mask / mask.sum())).sum()",
        "masked_select": "return torch.masked_select(-logprobs, mask).mean()",
        "einsum": "return -torch.einsum('bt,bt->', logprobs, mask.to(logprobs.dtype)) / mask.sum()",
        "a loop": """
            total, count = 0.0, 0
            for row, keep in zip(logprobs, mask):
                total = total - row[keep].sum()
                count += int(keep.sum())
            return total / count
        """,
        "the factor put right": "return -(logprobs * mask).mean() * mask.numel() / mask.sum()",
        "the book's own function": """
            from rlhf_helpers import reinforce_loss

            return reinforce_loss(logprobs, torch.ones_like(logprobs), mask)
        """,
        "nanmean": "return -logprobs.masked_fill(~mask, float('nan')).nanmean()",
        "average": """
            costs = [-x for row, m in zip(logprobs, mask) for x, k in zip(row, m) if k]
            return sum(costs) / len(costs)
        """,
        "dot": "return -(logprobs.flatten() @ mask.flatten().float()) / mask.count_nonzero()",
        "in place on a copy": """
            kept = logprobs.clone()
            kept[~mask] = 0
            return kept.sum().neg() / mask.sum()
        """,
        "names weighted by their length": """
            n = mask.sum(1)
            means = -(logprobs * mask).sum(1) / n
            return (means * n).sum() / n.sum()
        """,
        "nonzero": """
            rows, columns = mask.nonzero(as_tuple=True)
            return logprobs[rows, columns].neg().mean()
        """,
        "multiplied in place": """
            logprobs = logprobs * 1
            logprobs *= mask
            return -logprobs.double().sum() / mask.double().sum()
        """,
    },
    "ex-names-optimum": {
        "the knob by keyword only": """
            def best_for_rule(p, *, kl_coeff):
                other = (1 - p) * math.exp(-1 / kl_coeff)
                z = p + other
                return p / z, -math.log(z) - other / z / kl_coeff
        """,
        "a special case": """
            share = p / (p + (1 - p) * math.exp(-1 / kl_coeff))
            kl = share * math.log(share / p)
            if share < 1:
                kl += (1 - share) * math.log((1 - share) / (1 - p))
            return share, kl
        """,
        "as a sigmoid": """
            x = torch.tensor(math.log(p / (1 - p)) + 1 / kl_coeff, dtype=double)
            logs = torch.stack([torch.nn.functional.logsigmoid(x), torch.nn.functional.logsigmoid(-x)])
            base = torch.tensor([p, 1 - p], dtype=double)
            return logs[0].exp(), (logs.exp() * (logs - base.log())).sum()
        """,
        "reward minus the free energy": """
            z = p + (1 - p) * math.exp(-1 / kl_coeff)
            share = p / z
            return share, (share - 1) / kl_coeff - math.log(z)
        """,
        "the book's tilt": """
            base = torch.tensor([p, 1 - p], dtype=double).log()
            probs, kl = tilt(base, torch.tensor([1.0, 0.0], dtype=double), kl_coeff)
            return probs[0], kl
        """,
        "xlogy": """
            share = p / (p + (1 - p) * math.exp(-1 / kl_coeff))
            new = torch.tensor([share, 1 - share], dtype=double)
            old = torch.tensor([p, 1 - p], dtype=double)
            return share, torch.xlogy(new, new / old).sum().item()
        """,
        "NumPy": """
            import numpy as np

            z = p + (1 - p) * np.exp(-1 / kl_coeff)
            share = p / z
            kl = -share * np.log(z) + (1 - share) * (-1 / kl_coeff - np.log(z))
            return share, kl
        """,
        "softmax": """
            logits = torch.tensor([p, 1 - p], dtype=double).log() + torch.tensor([1 / kl_coeff, 0.0], dtype=double)
            new = logits.softmax(0)
            log_ratio = logits.log_softmax(0) - torch.tensor([p, 1 - p], dtype=double).log()
            return new[0].item(), (new * log_ratio).sum().item()
        """,
        "logaddexp": """
            z = torch.logaddexp(torch.tensor(p).double().log() + 1 / kl_coeff, torch.tensor(1 - p).double().log())
            share = (torch.tensor(p).double().log() + 1 / kl_coeff - z).exp()
            return share, share / kl_coeff - z
        """,
        "expit": """
            x = torch.tensor(math.log(p / (1 - p)) + 1 / kl_coeff, dtype=torch.float64)
            q, r = torch.sigmoid(x), torch.sigmoid(-x)
            return q.item(), (q * (q / p).log() + torch.special.xlogy(r, r / (1 - p))).item()
        """,
        "log1p": """
            odds = (1 - p) / p * math.exp(-1 / kl_coeff)
            q = 1 / (1 + odds)
            return [q, -math.log(p) - math.log1p(odds) - (1 - q) / kl_coeff]
        """,
    },
}

WRONG = {
    "ex-names-loss": {
        "26 letters, the end forgotten": "math.log(26), 0.924, 2.3",
        "log in base 10": "math.log10(27), 0.401, 2.3",
        "in bits": "math.log2(27), 4 / 3, 2.3",
        "sign": "-3.2958, -0.9242, -2.3",
        "the probability of a token": "1 / 27, 0.924, 2.3",
        "a sum for bo": "3.296, 2.7726, 2.3",
        "bo without its end: two tokens": "3.296, 3 * math.log(2) / 2, 2.3",
        "log of the mean probability": "3.296, -math.log(1.25 / 3), 2.3",
        "the probability of bo": "3.296, 1 / 16, 2.3",
        "the mean of the names' means": "3.296, 0.924, 2.5",
        "the ends not counted": "3.296, 0.924, 23 / 8",
        "a mean over names": "3.296, 0.924, 11.5",
        "a sum over the batch": "3.296, 0.924, 23",
        "padded to the longer name": "3.296, 0.924, 23 / 14",
        "the mean probability": "3.296, 0.4167, 2.3",
    },
    "ex-names-mask": {
        "the end itself not counted": "return (completion_ids == end_id).long().cumsum(1) == 0",
        "only the ends masked": "return completion_ids != end_id",
        "ends up to the token, one allowed": "return (completion_ids == end_id).long().cumsum(1) <= 1",
        "inverted": """
            is_end = (completion_ids == end_id).long()
            return is_end.cumsum(1) - is_end > 0
        """,
        "summed over the batch": """
            is_end = (completion_ids == end_id).long()
            return is_end.cumsum(0) - is_end == 0
        """,
        "argmax: an answer without an end is empty": """
            first = (completion_ids == end_id).int().argmax(1)
            return torch.arange(completion_ids.shape[1]) <= first[:, None]
        """,
        "up to the last end": """
            is_end = (completion_ids == end_id).long()
            after = is_end.flip(1).cumsum(1).flip(1)
            return (after > 0) | ~is_end.any(1, keepdim=True)
        """,
        "an answer without an end counts nothing": """
            is_end = (completion_ids == end_id).long()
            inside = is_end.cumsum(1) - is_end == 0
            return inside & is_end.any(1, keepdim=True)
        """,
        "one token too many": """
            is_end = (completion_ids == end_id).long()
            shifted = torch.cat([torch.zeros_like(is_end[:, :2]), is_end[:, :-2]], 1)
            return shifted.cumsum(1) == 0
        """,
        "end id hard-coded as 0": """
            is_end = (completion_ids == 0).long()
            return is_end.cumsum(1) - is_end == 0
        """,
        "the number of ends in place of a mask": """
            is_end = (completion_ids == end_id).long()
            return is_end.cumsum(1) - is_end
        """,
        "lengths in place of a mask": """
            is_end = (completion_ids == end_id).long()
            return (is_end.cumsum(1) - is_end == 0).sum(1)
        """,
        "counts from the end of the row": """
            is_end = (completion_ids == end_id).long()
            return is_end.flip(1).cumsum(1).flip(1) > 0
        """,
        "only end ids 0": "return ((completion_ids == 0).cumsum(1) - (completion_ids == 0).int()) == 0",
        "everything but ends": "return completion_ids != end_id",
        "without the end": "return (completion_ids == end_id).cumsum(1) == 0",
        "one more after the end": """
            end = (completion_ids == end_id).int()
            before = end.cumsum(1) - end
            return before.roll(1, 1) == 0
        """,
        "lengths": "return ((completion_ids == end_id).cumsum(1) == 0).sum(1) + 1",
        "cut off counts nothing": """
            end = (completion_ids == end_id).int()
            return (end.cumsum(1) - end == 0) & end.any(1, keepdim=True)
        """,
        "the wrong way round": """
            end = (completion_ids == end_id).int()
            return end.cumsum(1) - end > 0
        """,
        "over the batch": """
            end = (completion_ids == end_id).int()
            return end.cumsum(0) - end == 0
        """,
        "at most one end": "return (completion_ids == end_id).cumsum(1) <= 1",
    },
    "ex-names-bug": {
        "nothing repaired": "return (-(logprobs * mask)).mean()",
        "the mean of the names' means": "return (-(logprobs * mask).sum(1) / mask.sum(1)).mean()",
        "a sum": "return -(logprobs * mask).sum()",
        "divided by the number of names": "return -(logprobs * mask).sum() / len(mask)",
        "divided by the longest name": "return -(logprobs * mask).sum() / mask.sum(1).max()",
        "mask forgotten in the sum": "return -logprobs.sum() / mask.sum()",
        "mask forgotten": "return -logprobs.mean()",
        "sign": "return (logprobs * mask).sum() / mask.sum()",
        "mask inverted": "return -(logprobs * ~mask).sum() / (~mask).sum()",
        "one number for each name": "return -(logprobs * mask).sum(1) / mask.sum(1)",
        "divided along the wrong axis": "return (-(logprobs * mask).sum(0) / mask.sum(0).clamp(min=1)).mean()",
        "probabilities": "return -(logprobs.exp() * mask).sum() / mask.sum()",
        "the number from the text": "return torch.tensor(2.60)",
        "divided by the padding": "return -(logprobs * mask).sum() / (mask == 0).sum()",
        "the longest name only": "return -(logprobs * mask).sum(1)[mask.sum(1).argmax()] / mask.sum(1).max()",
        "divided by rows times longest": "return -(logprobs * mask).sum() / (len(mask) * mask.sum(1).max())",
        "median": "return -logprobs[mask].median()",
        "a sum for each name": "return -(logprobs * mask).sum(1)",
        "perplexity": "return (-(logprobs * mask).sum() / mask.sum()).exp()",
        "one token more": "return -(logprobs * mask).sum() / (mask.sum() + 1)",
        "one token less for each name": "return -(logprobs * mask).sum() / (mask.sum() - len(mask))",
        "bits": "return -(logprobs * mask).sum() / mask.sum() / 0.6931472",
        "mask over the mean": "return (-(logprobs.mean()) * mask).sum() / mask.sum()",
        "detached": "return -(logprobs.detach() * mask).sum() / mask.sum()",
        "an item": "return -(logprobs * mask).sum().item() / mask.sum().item()",
        "absolute, unmasked denominator": "return (logprobs * mask).abs().sum() / mask.numel()",
    },
    "ex-names-optimum": {
        "as it stands": """
            best = p * math.exp(1 / kl_coeff)
            best = best / (best + 1 - p)
            kl = best * math.log(best / p) + (1 - best) * math.log((1 - best) / (1 - p))
            return best, kl
        """,
        "the share is mended, the log is not": """
            best = p / (p + (1 - p) * math.exp(-1 / kl_coeff))
            kl = best * math.log(best / p) + (1 - best) * math.log((1 - best) / (1 - p))
            return best, kl
        """,
        "clamped exponent": """
            best = p * math.exp(min(1 / kl_coeff, 5))
            best = best / (best + 1 - p)
            return best, best * math.log(best / p) + (1 - best) * math.log((1 - best) / (1 - p))
        """,
        "only the first term": """
            best = p / (p + (1 - p) * math.exp(-1 / kl_coeff))
            return best, best * math.log(best / p)
        """,
        "a loose epsilon in the log": """
            best = p / (p + (1 - p) * math.exp(-1 / kl_coeff))
            kl = best * math.log(best / p + 1e-2) + (1 - best) * math.log((1 - best) / (1 - p) + 1e-2)
            return best, kl
        """,
        "multiplied by kl_coeff": """
            other = (1 - p) * math.exp(-kl_coeff)
            z = p + other
            return p / z, -math.log(z) - other / z * kl_coeff
        """,
        "the share of the others": """
            other = (1 - p) * math.exp(-1 / kl_coeff)
            z = p + other
            return other / z, -math.log(z) - other / z / kl_coeff
        """,
        "sign of the exponent": """
            best = p * math.exp(-1 / kl_coeff)
            best = best / (best + 1 - p)
            return best, best * math.log(best / p) if best > 0 else 0.0
        """,
        "the other KL": """
            best = p / (p + (1 - p) * math.exp(-1 / kl_coeff))
            rest = max(1 - best, 1e-12)
            return best, p * math.log(p / best) + (1 - p) * math.log((1 - p) / rest)
        """,
        "the limit for every kl_coeff": "return 1.0, -math.log(p)",
        "sign of the KL": """
            other = (1 - p) * math.exp(-1 / kl_coeff)
            z = p + other
            return p / z, math.log(z) + other / z / kl_coeff
        """,
        "in bits": """
            other = (1 - p) * math.exp(-1 / kl_coeff)
            z = p + other
            return p / z, (-math.log(z) - other / z / kl_coeff) / math.log(2)
        """,
        "1 - p forgotten beside the exponential": """
            other = math.exp(-1 / kl_coeff)
            z = p + other
            return p / z, -math.log(z) - other / z / kl_coeff
        """,
        "the objective in place of the KL": """
            other = (1 - p) * math.exp(-1 / kl_coeff)
            z = p + other
            return p / z, p / z - kl_coeff * (-math.log(z) - other / z / kl_coeff)
        """,
        "the limit everywhere": "return 1.0, -math.log(p)",
        "a share of p alone": """
            q = min(1.0, p * (1 + 1 / kl_coeff))
            return q, q * math.log(q / p)
        """,
        "the reward minus the price": """
            rest = (1 - p) * math.exp(-1 / kl_coeff)
            q = p / (p + rest)
            return q, q - kl_coeff * -math.log(p + rest)
        """,
        "log Z": """
            rest = (1 - p) * math.exp(-1 / kl_coeff)
            return p / (p + rest), 1 / kl_coeff + math.log(p + rest)
        """,
        "sign": """
            rest = (1 - p) * math.exp(-1 / kl_coeff)
            z = p + rest
            return p / z, math.log(z) + rest / z / kl_coeff
        """,
        "odds": """
            rest = (1 - p) * math.exp(-1 / kl_coeff)
            return p / rest if rest else math.inf, -math.log(p + rest) - rest / (p + rest) / kl_coeff
        """,
    },
}
