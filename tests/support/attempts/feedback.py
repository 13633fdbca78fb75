"""Answers to the exercises of the chapter about human feedback."""

PAGE = "10_human_feedback"

RIGHT = {
    "ex-feedback-gap": {
        "one tensor for all": """
            gap_of_7_in_10, prob_of_101, loss_with_margin = torch.tensor([0.8473, 0.7311, 0.6931])
        """,
        "two digits": "0.85, 0.73, 0.69",
        "four digits": "0.8473, 0.7311, 0.6931",
        "with math": "math.log(7 / 3), 1 / (1 + math.exp(-1)), math.log(2)",
        "tensors": """
            gap_of_7_in_10 = torch.logit(torch.tensor(0.7))
            prob_of_101 = torch.sigmoid(torch.tensor(1.0))
            loss_with_margin = -logsigmoid(torch.tensor(1.0) - 1)
        """,
        "tensors of one element": """
            one, zero = torch.ones(1), torch.zeros(1)
            gap_of_7_in_10, prob_of_101 = torch.logit(0.7 * one), one.sigmoid()
            loss_with_margin = bradley_terry_loss(one, zero, margin=1.0)
        """,
        "NumPy": """
            gap_of_7_in_10 = np.log(0.7) - np.log(0.3)
            prob_of_101, loss_with_margin = np.exp(101 - 100) / (np.exp(1) + 1), np.log(2)
        """,
        "softmax of the two scores": """
            prob_of_101 = torch.tensor([101.0, 100.0]).softmax(0)[0]
            gap_of_7_in_10, loss_with_margin = -math.log(1 / 0.7 - 1), -math.log(0.5)
        """,
    },
    "ex-feedback-agreement": {
        "a lambda": """
            agreement = lambda c, r: ((c > r) + 0.5 * (c == r)).double().mean()
        """,
        "the sign": "return (1 + torch.sign(chosen_scores - rejected_scores)).double().mean() / 2",
        "where": """
            gap = chosen_scores - rejected_scores
            half = torch.where(gap == 0, 0.5, 0.0)
            return torch.where(gap > 0, 1.0, half).mean()
        """,
        "a loop, a Python float": """
            total = 0.0
            for c, r in zip(chosen_scores.tolist(), rejected_scores.tolist()):
                total += 1 if c > r else 0.5 if c == r else 0
            return total / len(chosen_scores)
        """,
        "heaviside": """
            half = torch.tensor(0.5, dtype=chosen_scores.dtype)
            return torch.heaviside(chosen_scores - rejected_scores, half).mean()
        """,
        "NumPy": """
            c, r = chosen_scores.numpy(), rejected_scores.numpy()
            return np.mean((c > r) + 0.5 * (c == r))
        """,
        "two comparisons": """
            wins = (chosen_scores > rejected_scores).float()
            not_lost = (chosen_scores >= rejected_scores).float()
            return ((wins + not_lost) / 2).mean()
        """,
        "counts": """
            n = len(chosen_scores)
            wins = (chosen_scores > rejected_scores).sum()
            ties = torch.eq(chosen_scores, rejected_scores).sum()
            return (wins + ties / 2) / n
        """,
        "the page's own function": "return share_right(chosen_scores - rejected_scores)",
    },
    "ex-feedback-bug": {
        "other names": """
            def repaired(good, bad, lead):
                return -logsigmoid(good - bad - lead).mean()
        """,
        "in float64": """
            gap = chosen_scores.double() - rejected_scores.double()
            return -logsigmoid(gap - margins.double()).mean()
        """,
        "the book's own loss": "return bradley_terry_loss(chosen_scores, rejected_scores, margin=margins)",
        "softplus": """
            gap = chosen_scores - rejected_scores - margins
            return torch.nn.functional.softplus(-gap).mean()
        """,
        "log of a sigmoid": """
            gap = chosen_scores - rejected_scores
            return -torch.log(torch.sigmoid(gap - margins)).mean()
        """,
        "margin on the chosen score": """
            return -logsigmoid((chosen_scores - margins) - rejected_scores).mean()
        """,
        "detached margins": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap - margins.detach()).mean()
        """,
        "sum over count": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap - margins).sum() / gap.shape[0]
        """,
        "a loop": """
            losses = [-logsigmoid(c - r - m) for c, r, m in zip(chosen_scores, rejected_scores, margins)]
            return torch.stack(losses).mean()
        """,
        "cross entropy": """
            both = torch.stack([chosen_scores - margins, rejected_scores], 1)
            return torch.nn.functional.cross_entropy(both, torch.zeros(len(both), dtype=torch.long))
        """,
        "binary cross entropy": """
            gap = chosen_scores - rejected_scores - margins.detach()
            return torch.nn.functional.binary_cross_entropy_with_logits(gap, torch.ones_like(gap))
        """,
        "in place": """
            gap = chosen_scores - rejected_scores
            gap.sub_(margins)
            return logsigmoid(gap).neg_().mean()
        """,
        "log1p": "return torch.log1p((margins - (chosen_scores - rejected_scores)).exp()).mean()",
        "float64 sum": """
            return -logsigmoid((chosen_scores - rejected_scores - margins).double()).sum() / margins.numel()
        """,
    },
    "ex-feedback-bon": {
        "a failure's probability": """
            bad = (1 - p) ** n
            good = 1 - bad
            kl = good * math.log(good / p) + bad * math.log(bad / (1 - p))
            return good, kl
        """,
        "differences of logs": """
            q = 1 - (1 - p) ** n
            kl = q * (math.log(q) - math.log(p)) + (1 - q) * (n - 1) * math.log(1 - p)
            return q, kl
        """,
        "a list": """
            q = 1 - (1 - p) ** n
            return [q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))]
        """,
        "tensors": """
            base = torch.tensor([p, 1 - p], dtype=double)
            q = 1 - base[1] ** n
            new = torch.stack([q, 1 - q])
            return q, (new * (new / base).log()).sum()
        """,
        "NumPy": """
            old = np.array([p, 1 - p])
            new = np.array([1 - (1 - p) ** n, (1 - p) ** n])
            return new[0], np.sum(new * np.log(new / old))
        """,
        "a binomial sum": """
            q = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(1, n + 1))
            return q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "kl_div": """
            q = 1 - (1 - p) ** n
            old, new = torch.tensor([p, 1 - p], dtype=double), torch.tensor([q, 1 - q], dtype=double)
            return q, torch.nn.functional.kl_div(old.log(), new, reduction="sum").item()
        """,
        "log of the bad answer": """
            bad = n * math.log(1 - p)
            q = 1 - math.exp(bad)
            return [q, q * math.log(q / p) + (1 - q) * (n - 1) * math.log(1 - p)]
        """,
        "the library's KL": """
            q = 1 - (1 - p) ** n
            a, b = torch.distributions.Bernoulli(torch.tensor(q)), torch.distributions.Bernoulli(torch.tensor(p))
            return q, torch.distributions.kl_divergence(a, b)
        """,
    },
    "ex-feedback-agreement: if_ties_were_right": {
        "a number": "1",
        "a tensor": "torch.tensor(1.0)",
        "computed": "(torch.zeros(5) >= torch.zeros(5)).double().mean()",
    },
}

WRONG = {
    "ex-feedback-gap": {
        "log in base 10": "0.368, 0.7311, 0.6931",
        "log in base 2": "1.222, 0.7311, 1.0",
        "sign of the gap": "-0.8473, 0.7311, 0.6931",
        "the odds without the log": "7 / 3, 0.7311, 0.6931",
        "the log of 0.7": "math.log(0.7), 0.7311, 0.6931",
        "difference of the shares": "0.4, 0.7311, 0.6931",
        "the share of the scores": "0.8473, 101 / 201, 0.6931",
        "certain, since 101 is so much": "0.8473, 1.0, 0.6931",
        "margin forgotten": "0.8473, 0.7311, -math.log(0.7311)",
        "margin added in place of subtracted": "0.8473, 0.7311, math.log(1 + math.exp(-2))",
        "margin added outside": "0.8473, 0.7311, 1.3133",
        "the loss is zero at the margin": "0.8473, 0.7311, 0",
        "the probability in place of the loss": "0.8473, 0.7311, 0.5",
        "sign of the loss": "0.8473, 0.7311, -0.6931",
        "in percent": "0.8473, 73.1, 0.6931",
        "the sigmoid of 0.7": "0.668, 0.7311, 0.6931",
    },
    "ex-feedback-agreement": {
        "ties count as wrong": "return (chosen_scores > rejected_scores).double().mean()",
        "ties count as right": "return (chosen_scores >= rejected_scores).double().mean()",
        "ties left out": """
            gap = chosen_scores - rejected_scores
            return (gap[gap != 0] > 0).double().mean()
        """,
        "chosen and rejected swapped": """
            wins = (chosen_scores < rejected_scores).double()
            ties = (chosen_scores == rejected_scores).double()
            return (wins + 0.5 * ties).mean()
        """,
        "a count": """
            wins = (chosen_scores > rejected_scores).double()
            ties = (chosen_scores == rejected_scores).double()
            return (wins + 0.5 * ties).sum()
        """,
        "in percent": """
            wins = (chosen_scores > rejected_scores).double()
            ties = (chosen_scores == rejected_scores).double()
            return 100 * (wins + 0.5 * ties).mean()
        """,
        "the model's own probability": """
            return torch.sigmoid(chosen_scores - rejected_scores).mean()
        """,
        "the mean gap": "return (chosen_scores - rejected_scores).mean()",
        "ties count in full beside wins": """
            wins = (chosen_scores >= rejected_scores).double()
            ties = (chosen_scores == rejected_scores).double()
            return (wins + 0.5 * ties).mean()
        """,
        "one entry for each pair": """
            wins = (chosen_scores > rejected_scores).double()
            return wins + 0.5 * (chosen_scores == rejected_scores).double()
        """,
        "wins minus losses": "return torch.sign(chosen_scores - rejected_scores).double().mean()",
        "a coin is thrown for ties": """
            wins = (chosen_scores > rejected_scores).double()
            coin = (torch.rand(len(wins)) < 0.5).double()
            ties = (chosen_scores == rejected_scores).double()
            return (wins + coin * ties).mean()
        """,
        "scores above zero": "return (chosen_scores > 0).double().mean()",
    },
    "ex-feedback-bug": {
        "nothing repaired": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap).mean() + margins.mean()
        """,
        "margin added inside": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap + margins).mean()
        """,
        "margin left out": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap).mean()
        """,
        "mean margin for all": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap - margins.mean()).mean()
        """,
        "margin multiplied": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap * margins).mean()
        """,
        "margin as a weight": """
            gap = chosen_scores - rejected_scores
            return -(margins * logsigmoid(gap)).mean()
        """,
        "subtracted from both scores": """
            gap = (chosen_scores - margins) - (rejected_scores - margins)
            return -logsigmoid(gap).mean()
        """,
        "inside the logsigmoid and outside": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap - margins).mean() + margins.mean()
        """,
        "outside of the logarithm, in the mean": """
            gap = chosen_scores - rejected_scores
            return -(logsigmoid(gap) - margins).mean()
        """,
        "chosen and rejected swapped": """
            gap = rejected_scores - chosen_scores
            return -logsigmoid(gap - margins).mean()
        """,
        "minus sign lost": """
            gap = chosen_scores - rejected_scores
            return logsigmoid(gap - margins).mean()
        """,
        "a sum": """
            gap = chosen_scores - rejected_scores
            return -logsigmoid(gap - margins).sum()
        """,
        "a hinge": """
            gap = chosen_scores - rejected_scores
            return (margins - gap).clamp(min=0).mean()
        """,
        "the gap detached": """
            gap = (chosen_scores - rejected_scores).detach()
            return -logsigmoid(gap - margins).mean()
        """,
        "log forgotten": """
            gap = chosen_scores - rejected_scores
            return -torch.sigmoid(gap - margins).mean()
        """,
        "added to the gap": "return -logsigmoid(chosen_scores - rejected_scores + margins).mean()",
        "multiplied": "return -logsigmoid((chosen_scores - rejected_scores) * margins).mean()",
        "divided": "return -logsigmoid((chosen_scores - rejected_scores) / margins).mean()",
        "a mean margin": "return -logsigmoid(chosen_scores - rejected_scores - margins.mean()).mean()",
        "hinge": "return (margins - chosen_scores + rejected_scores).clamp(min=0).mean()",
        "weighed": "return -(margins * logsigmoid(chosen_scores - rejected_scores)).mean()",
        "both": "return -logsigmoid(chosen_scores - rejected_scores - margins).mean() + margins.mean()",
        "subtracted outside": "return (-logsigmoid(chosen_scores - rejected_scores) - margins).mean()",
        "on the chosen score, inside a sigmoid": """
            return -logsigmoid(chosen_scores - margins).mean() + logsigmoid(rejected_scores).mean()
        """,
        "margin on both": "return -logsigmoid((chosen_scores - margins) - (rejected_scores - margins)).mean()",
        "for each pair": "return -logsigmoid(chosen_scores - rejected_scores - margins)",
    },
    "ex-feedback-bon": {
        "all n are good": """
            q = p**n
            return q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "only the first term": """
            q = 1 - (1 - p) ** n
            return q, q * math.log(q / p)
        """,
        "the bound": """
            return 1 - (1 - p) ** n, math.log(n) - (n - 1) / n
        """,
        "the other KL": """
            q = 1 - (1 - p) ** n
            return q, p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
        """,
        "the second term's sign": """
            q = 1 - (1 - p) ** n
            return q, q * math.log(q / p) - (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "weighed with the old policy": """
            q = 1 - (1 - p) ** n
            return q, p * math.log(q / p) + (1 - p) * math.log((1 - q) / (1 - p))
        """,
        "in bits": """
            q = 1 - (1 - p) ** n
            return q, q * math.log2(q / p) + (1 - q) * math.log2((1 - q) / (1 - p))
        """,
        "base 10": """
            q = 1 - (1 - p) ** n
            return q, q * math.log10(q / p) + (1 - q) * math.log10((1 - q) / (1 - p))
        """,
        "the probability of the bad answer": """
            q = 1 - (1 - p) ** n
            return 1 - q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "n times p": """
            q = min(n * p, 0.999)
            return q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "exactly one good draw": """
            q = n * p * (1 - p) ** (n - 1)
            return q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "n - 1 draws": """
            q = 1 - (1 - p) ** (n - 1)
            return q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "log of the ratio, no weights": """
            q = 1 - (1 - p) ** n
            return q, math.log(q / p)
        """,
        "the two swapped": """
            q = 1 - (1 - p) ** n
            return q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p)), q
        """,
        "p to the n": "return p**n, p**n * math.log(p**n / p) + (1 - p**n) * math.log((1 - p**n) / (1 - p))",
        "the first term alone": """
            q = 1 - (1 - p) ** n
            return q, q * math.log(q / p)
        """,
        "no weights": """
            q = 1 - (1 - p) ** n
            return q, math.log(q / p) + math.log((1 - q) / (1 - p))
        """,
        "squared probabilities": """
            q = 1 - (1 - p) ** 2
            return q, q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "absolute": """
            q = 1 - (1 - p) ** n
            return q, q * math.log(q / p) - (1 - q) * math.log((1 - q) / (1 - p))
        """,
        "to the uniform": """
            q = 1 - (1 - p) ** n
            return q, q * math.log(2 * q) + (1 - q) * math.log(2 * (1 - q))
        """,
    },
    "ex-feedback-agreement: if_ties_were_right": {
        "a coin": "0.5",
        "no pair is told apart": "0",
        "in percent": "100",
        "between the two": "0.75",
        "the chapter's model": "0.86",
    },
}
