"""Answers to the exercises of "Baby RLHF"."""

PAGE = "02_baby_rlhf"

RIGHT = {
    "ex-baby-bug": {
        "in float64": """
            return first_loss(logprobs.double(), old_logprobs.double().detach(), rewards.double(), kl_coeff)
        """,
        "first_loss with the word": "return first_loss(logprobs, old_logprobs.detach(), rewards, kl_coeff)",
        "the keyword by its name": """
            return first_loss(logprobs, old_logprobs=old_logprobs.detach(), rewards=rewards, kl_coeff=kl_coeff)
        """,
        "written out, a new name for the record": """
            old = old_logprobs.detach()
            ratio = torch.exp(logprobs - old)
            kl = (old - logprobs).mean()
            return -(ratio * rewards).mean() + kl_coeff * kl
        """,
        "detached in both places": """
            ratio = torch.exp(logprobs - old_logprobs.detach())
            kl = (old_logprobs.detach() - logprobs).mean()
            return -(ratio * rewards).mean() + kl_coeff * kl
        """,
        "in place": """
            old_logprobs.detach_()
            ratio = torch.exp(logprobs - old_logprobs)
            return -(ratio * rewards).mean() + kl_coeff * (old_logprobs - logprobs).mean()
        """,
        "the book's own loss": """
            return baby_ppo_loss(logprobs, old_logprobs.detach(), rewards, kl_coeff=kl_coeff)
        """,
        "no_grad": """
            with torch.no_grad():
                old = old_logprobs.clone()
            return first_loss(logprobs, old, rewards, kl_coeff)
        """,
        "sum over count": """
            log_ratio = logprobs - old_logprobs.detach()
            return (-(log_ratio.exp() * rewards) - kl_coeff * log_ratio).sum() / rewards.numel()
        """,
    },
    "ex-baby-switches": {
        "numbers": """
            at_zero = 5, 1           # the two sums
            after_the_rise = 1, 0.1    # of token 1: sigmoid, softmax
        """,
        "lists": """
            at_zero = [5.0, 1.0]
            after_the_rise = [1.0, 0.1]
        """,
        "fractions": """
            from fractions import Fraction

            at_zero = 10 * Fraction(1, 2), 10 * Fraction(1, 10)
            after_the_rise = 1, Fraction(1, 10)
        """,
        "expressions": """
            at_zero = 10 * 0.5, 10 / 10
            after_the_rise = 1 / (1 + 2.718281828**-100), 1 / 10
        """,
        "one tensor for each line": """
            at_zero = torch.tensor([5.0, 1.0])
            after_the_rise = torch.tensor([1.0, 0.1])
        """,
        "computed, tensors of one element": """
            z = torch.zeros(10, dtype=torch.float64)
            at_zero = z.sigmoid().sum(0, keepdim=True), z.softmax(0).sum(0, keepdim=True)
            z = z + 100
            after_the_rise = z.sigmoid()[1:2], z.softmax(0)[1:2]
        """,
        "NumPy": """
            import numpy as np

            z = np.zeros(10)
            at_zero = (1 / (1 + np.exp(-z))).sum(), (np.exp(z) / np.exp(z).sum()).sum()
            z = z + 100
            after_the_rise = 1 / (1 + np.exp(-z[1])), np.exp(z[1]) / np.exp(z).sum()
        """,
    },
    "ex-baby-repair": {
        "softmax, then its log": """
            probs = torch.softmax(scores, dim=0)
            ids = torch.multinomial(probs, count, replacement=True)
            return ids, torch.log_softmax(scores, 0)[ids]
        """,
        "the library's distribution": """
            d = torch.distributions.Categorical(logits=scores)
            ids = d.sample((count,))
            return ids, d.log_prob(ids)
        """,
        "gather": """
            row = F.log_softmax(scores, dim=-1)
            actions = torch.multinomial(row.exp(), count, True)
            return actions, row.gather(0, actions)
        """,
        "Gumbel noise": """
            row = scores.log_softmax(-1)
            noise = -torch.log(-torch.log(torch.rand(count, len(scores))))
            actions = (row.detach() + noise).argmax(-1)
            return actions, row[actions]
        """,
        "cumulative sums": """
            row = scores.log_softmax(-1)
            edges = row.detach().exp().cumsum(0)
            actions = torch.searchsorted(edges, torch.rand(count, dtype=edges.dtype)).clamp(max=len(scores) - 1)
            return actions, row[actions]
        """,
        "one at a time": """
            row = scores - scores.logsumexp(0)
            actions = torch.stack([torch.multinomial(row.exp(), 1)[0] for _ in range(count)])
            return actions, torch.stack([row[a] for a in actions])
        """,
        "a list of the two": """
            row = scores.log_softmax(-1)
            actions = torch.multinomial(scores.softmax(-1).detach(), num_samples=count, replacement=True)
            return [actions, row.index_select(0, actions)]
        """,
    },
    "ex-baby-raise": {
        "as in the text": '"centered"',
        "single quotes": "'centered'",
        "a name": """
            right = "centered"
            finds_it = right
        """,
        "the function's own name": "centered.__name__",
    },
    "ex-baby-baseline": {
        "a loop over the tokens": """
            rows = []
            for y in range(len(p)):
                onehot = torch.zeros(len(p))
                onehot[y] = 1
                rows.append((pay[y] - baseline) * (onehot - p))
            g = torch.stack(rows)
            mean = (p[:, None] * g).sum(0)
            return mean, (p[:, None] * (g - mean) ** 2).sum()
        """,
        "einsum": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p), dtype=p.dtype) - p)
            mean = torch.einsum("y,yv->v", p, g)
            return mean, torch.einsum("y,yv,yv->", p, g, g) - mean @ mean
        """,
        "closed form": """
            weight = p * (pay - baseline)
            mean = weight - p * weight.sum()
            length = 1 - 2 * p + (p**2).sum()
            return mean, (p * (pay - baseline) ** 2 * length).sum() - (mean**2).sum()
        """,
        "NumPy": """
            import numpy as np

            p_, pay_ = p.numpy().astype(float), pay.numpy().astype(float)
            g = (pay_ - float(baseline))[:, None] * (np.eye(len(p_)) - p_)
            mean = p_ @ g
            return mean, (p_ @ (g - mean) ** 2).sum()
        """,
        "one hot": """
            onehot = F.one_hot(torch.arange(len(p)), len(p)).to(p.dtype)
            g = (pay - baseline).unsqueeze(1) * (onehot - p)
            mean = g.T @ p
            return mean, ((g**2).T @ p - mean**2).sum()
        """,
        "a Python float": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            mean = p @ g
            return mean, (p @ g**2 - mean**2).sum().item()
        """,
    },
    "ex-baby-later": {
        "in float64": """
            return rewards.double().flip(1).cumsum(1).flip(1)
        """,
        "total minus what came before": """
            return rewards.sum(1, keepdim=True) - rewards.cumsum(1) + rewards
        """,
        "a loop from the end": """
            out = torch.zeros_like(rewards)
            running = torch.zeros_like(rewards[:, 0])
            for t in range(rewards.shape[1] - 1, -1, -1):
                running = running + rewards[:, t]
                out[:, t] = running
            return out
        """,
        "sums of slices": """
            return torch.stack([rewards[:, t:].sum(1) for t in range(rewards.size(1))], dim=1)
        """,
        "a triangular matrix": """
            T = rewards.shape[-1]
            return rewards @ torch.ones(T, T, dtype=rewards.dtype).tril()
        """,
        "einsum": """
            T = rewards.shape[1]
            later = torch.ones(T, T, dtype=rewards.dtype).triu()
            return torch.einsum("bs,ts->bt", rewards, later)
        """,
        "NumPy": """
            import numpy as np

            return torch.from_numpy(np.cumsum(rewards.numpy()[:, ::-1], axis=1)[:, ::-1].copy())
        """,
        "in place on a copy": """
            out = rewards.clone()
            for t in reversed(range(out.shape[1] - 1)):
                out[:, t] += out[:, t + 1]
            return out
        """,
        "lists": """
            rows = []
            for row in rewards.tolist():
                rows.append([sum(row[t:]) for t in range(len(row))])
            return torch.tensor(rows)
        """,
        "the book's gae with a critic that says 0": """
            from rlhf_helpers import gae

            return gae(rewards, torch.zeros_like(rewards), lam=1.0)[0]
        """,
    },
    "ex-baby-baseline: best_of_six": {
        "a number": "0.1",
        "a fraction": "1 / 10",
        "a tensor": "torch.tensor(0.1)",
        "computed": """min(
            (0, 0.05, 0.1, 0.2, 0.5, 1),
            key=lambda b: mean_and_variance(torch.full((10,), 0.1), torch.eye(10)[0], b)[1].item())""",
    },
}

WRONG = {
    "ex-baby-bug": {
        "nothing repaired": "return first_loss(logprobs, old_logprobs, rewards, kl_coeff)",
        "detach on the new log-probabilities": """
            return first_loss(logprobs.detach(), old_logprobs, rewards, kl_coeff)
        """,
        "both detached": "return first_loss(logprobs.detach(), old_logprobs.detach(), rewards, kl_coeff)",
        "detach on the rewards": "return first_loss(logprobs, old_logprobs, rewards.detach(), kl_coeff)",
        "detach on the ratio": """
            ratio = torch.exp(logprobs - old_logprobs).detach()
            kl = (old_logprobs - logprobs).mean()
            return -(ratio * rewards).mean() + kl_coeff * kl
        """,
        "detach only in the ratio": """
            ratio = torch.exp(logprobs - old_logprobs.detach())
            kl = (old_logprobs - logprobs).mean()
            return -(ratio * rewards).mean() + kl_coeff * kl
        """,
        "detach only in the KL": """
            ratio = torch.exp(logprobs - old_logprobs)
            kl = (old_logprobs.detach() - logprobs).mean()
            return -(ratio * rewards).mean() + kl_coeff * kl
        """,
        "kl_coeff forgotten": "return first_loss(logprobs, old_logprobs.detach(), rewards)",
        "old and new swapped": "return first_loss(old_logprobs.detach(), logprobs, rewards, kl_coeff)",
        "the sign of the reward term": """
            old = old_logprobs.detach()
            return (torch.exp(logprobs - old) * rewards).mean() + kl_coeff * (old - logprobs).mean()
        """,
        "detach on the loss": "return first_loss(logprobs, old_logprobs, rewards, kl_coeff).detach()",
        "the old log-probabilities left out": """
            return -(torch.exp(logprobs) * rewards).mean() - kl_coeff * logprobs.mean()
        """,
    },
    "ex-baby-switches": {
        "sigmoids of zero are zero": """
            at_zero = 0, 1
            after_the_rise = 1, 0.1
        """,
        "sigmoids sum to one as well": """
            at_zero = 1, 1
            after_the_rise = 1, 0.1
        """,
        "one sigmoid in place of the sum": """
            at_zero = 0.5, 0.1
            after_the_rise = 1, 0.1
        """,
        "the softmax rises with the scores": """
            at_zero = 5, 1
            after_the_rise = 1, 1
        """,
        "sums after the rise too": """
            at_zero = 5, 1
            after_the_rise = 10, 1
        """,
        "nothing changes": """
            at_zero = 5, 1
            after_the_rise = 0.5, 0.1
        """,
        "only token 1 rises": """
            at_zero = 5, 1
            after_the_rise = 1, torch.tensor([100.0] + 9 * [0.0]).softmax(0)[0]
        """,
        "the softmax underflows": """
            at_zero = 5, 1
            after_the_rise = 1, 0
        """,
        "in percent": """
            at_zero = 500, 100
            after_the_rise = 100, 10
        """,
        "sigmoid and softmax swapped": """
            at_zero = 1, 5
            after_the_rise = 0.1, 1
        """,
    },
    "ex-baby-repair": {
        "drawn by dice": """
            row = scores.log_softmax(-1)
            actions = torch.randint(len(scores), (count,))
            return actions, row[actions]
        """,
        "sigmoids drawn, not normalized": """
            probs = torch.sigmoid(scores)
            actions = torch.multinomial(probs, count, replacement=True)
            return actions, probs.log()[actions]
        """,
        "probabilities returned, not their logs": """
            probs = scores.softmax(-1)
            actions = torch.multinomial(probs, count, replacement=True)
            return actions, probs[actions]
        """,
        "softmax over the drawn tokens": """
            actions = torch.multinomial(scores.softmax(-1), count, replacement=True)
            return actions, scores[actions].log_softmax(-1)
        """,
        "drawn without replacement": """
            row = scores.log_softmax(-1)
            actions = torch.multinomial(row.exp(), count)
            return actions, row[actions]
        """,
        "argmax in place of a draw": """
            row = scores.log_softmax(-1)
            actions = row.argmax().expand(count)
            return actions, row[actions]
        """,
        "multinomial of the log-probabilities": """
            row = scores.log_softmax(-1)
            actions = torch.multinomial(-row, count, replacement=True)
            return actions, row[actions]
        """,
        "the graph cut": """
            row = scores.detach().log_softmax(-1)
            actions = torch.multinomial(row.exp(), count, replacement=True)
            return actions, row[actions]
        """,
        "raw scores in place of log-probabilities": """
            actions = torch.multinomial(scores.softmax(-1), count, replacement=True)
            return actions, scores[actions]
        """,
        "the whole row returned": """
            row = scores.log_softmax(-1)
            return torch.multinomial(row.exp(), count, replacement=True), row
        """,
        "the two results swapped": """
            row = scores.log_softmax(-1)
            actions = torch.multinomial(row.exp(), count, replacement=True)
            return row[actions], actions
        """,
        "exponentiated scores, not normalized": """
            weights = scores.exp()
            actions = torch.multinomial(weights, count, replacement=True)
            return actions, weights.log()[actions]
        """,
        "ten coins: each token on its own": """
            on = torch.bernoulli(torch.sigmoid(scores.expand(count, -1)))
            actions = on.argmax(-1)
            return actions, F.logsigmoid(scores)[actions]
        """,
    },
    "ex-baby-raise": {
        "the method without the mean": '"my_baby_ppo"',
        "both, since the best policy is the same": '"both"',
        "neither, since the raise drowns the signal": '"neither"',
    },
    "ex-baby-baseline": {
        "baseline forgotten": """
            g = pay[:, None] * (torch.eye(len(p)) - p)
            mean = p @ g
            return mean, (p @ g**2 - mean**2).sum()
        """,
        "a mean over equal tokens": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            mean = g.mean(0)
            return mean, ((g**2).mean(0) - mean**2).sum()
        """,
        "the mean of the squares, mean not subtracted": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            return p @ g, (p @ g**2).sum()
        """,
        "the variance of each component, not added up": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            mean = p @ g
            return mean, p @ g**2 - mean**2
        """,
        "the mean of the components' variances": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            mean = p @ g
            return mean, (p @ g**2 - mean**2).mean()
        """,
        "the standard deviation": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            mean = p @ g
            return mean, (p @ g**2 - mean**2).sum().sqrt()
        """,
        "pay along the wrong axis": """
            g = (pay - baseline) * (torch.eye(len(p)) - p)
            mean = p @ g
            return mean, (p @ g**2 - mean**2).sum()
        """,
        "probabilities not subtracted": """
            g = (pay - baseline)[:, None] * torch.eye(len(p))
            mean = p @ g
            return mean, (p @ g**2 - mean**2).sum()
        """,
        "sign of the baseline": """
            g = (pay + baseline)[:, None] * (torch.eye(len(p)) - p)
            mean = p @ g
            return mean, (p @ g**2 - mean**2).sum()
        """,
        "unweighted variance": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            return p @ g, g.var(0).sum()
        """,
        "the variance of the reward": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            centered = pay - baseline
            return p @ g, p @ centered**2 - (p @ centered) ** 2
        """,
        "square of the sum of the means": """
            g = (pay - baseline)[:, None] * (torch.eye(len(p)) - p)
            mean = p @ g
            return mean, (p @ g**2).sum() - mean.sum() ** 2
        """,
    },
    "ex-baby-later": {
        "summed from the front": "return rewards.cumsum(1)",
        "only what comes after the token": "return rewards.flip(1).cumsum(1).flip(1) - rewards",
        "not flipped back": "return rewards.flip(1).cumsum(1)",
        "summed over the batch": "return rewards.flip(0).cumsum(0).flip(0)",
        "flipped along one axis, summed along the other": "return rewards.flip(1).cumsum(0).flip(1)",
        "the whole reward at every token": "return rewards.sum(1, keepdim=True).expand_as(rewards)",
        "only the next token's reward": """
            later = torch.zeros_like(rewards)
            later[:, :-1] = rewards[:, 1:]
            return rewards + later
        """,
        "discounted": """
            out, running = torch.zeros_like(rewards), 0.0
            for t in reversed(range(rewards.shape[1])):
                running = rewards[:, t] + 0.99 * running
                out[:, t] = running
            return out
        """,
        "the mean of what comes": """
            counts = torch.arange(rewards.shape[1], 0, -1)
            return rewards.flip(1).cumsum(1).flip(1) / counts
        """,
        "one total for each completion": "return rewards.sum(1)",
        "the last token left out": """
            out = torch.zeros_like(rewards)
            for t in range(rewards.shape[1]):
                out[:, t] = rewards[:, t:-1].sum(1)
            return out
        """,
    },
    "ex-baby-baseline: best_of_six": {
        "no baseline at all": "0",
        "half of the best": "0.05",
        "as far above as 0 is below": "0.2",
        "that of two tokens": "0.5",
        "what token 1 is paid": "1",
        "its place among the six": "2",
        "the variance in place of the baseline": "0.0729",
        "the number of tokens": "10",
        "two that look alike": "(0.05, 0.1)",
    },
}
