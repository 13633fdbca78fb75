"""Answers to the exercises of the chapter about SPO."""

PAGE = "07_spo"

RIGHT = {
    "ex-spo-loud": {
        "numbers": "0.05, 1",
        "an expression": "0.5 / 10, 1.0",
        "fractions": """
            from fractions import Fraction

            same_kl_coeff, step_factor = Fraction(1, 2) / 10, Fraction(1)
        """,
        "tensors": "torch.tensor(0.5) / 10, torch.tensor(1.0)",
        "tensors of one element": "torch.tensor([0.05]), torch.ones(1)",
        "measured, up to rounding": "0.05, 0.2672 / 0.2671",
        "NumPy": """
            import numpy as np

            same_kl_coeff, step_factor = np.float64(0.05), np.sign(10.0) / np.sign(1.0)
        """,
    },
    "ex-spo-arms": {
        "a lambda": """
            first_push = lambda r, mu, nu: mu * (r - nu @ r) + nu * (r - mu @ r)
        """,
        "the table of all pairs": """
            gap = payout[:, None] - payout[None, :]
            weight = mu[:, None] * nu[None, :]
            return (weight * gap).sum(1) - (weight * gap).sum(0)
        """,
        "einsum": """
            gap = payout[:, None] - payout
            return torch.einsum("i,j,ij->i", mu, nu, gap) + torch.einsum("i,j,ij->i", nu, mu, gap)
        """,
        "sums": """
            other_a = (nu * payout).sum()
            other_b = (mu * payout).sum()
            return mu * (payout - other_a) + nu * (payout - other_b)
        """,
        "multiplied out": """
            return (mu + nu) * payout - mu * torch.dot(nu, payout) - nu * torch.dot(mu, payout)
        """,
        "a loop": """
            push = torch.zeros_like(payout)
            for i in range(len(payout)):
                for j in range(len(payout)):
                    push[i] += mu[i] * nu[j] * (payout[i] - payout[j])
                    push[j] -= mu[i] * nu[j] * (payout[i] - payout[j])
            return push
        """,
        "NumPy": """
            import numpy as np

            r, m, n = (np.asarray(x.tolist()) for x in (payout, mu, nu))
            return m * (r - n @ r) + n * (r - m @ r)
        """,
        "a list": """
            a = float(nu @ payout)
            b = float(mu @ payout)
            return torch.stack([m * (r - a) + n * (r - b) for r, m, n in zip(payout, mu, nu)])
        """,
    },
    "ex-spo-bug": {
        "the knob by keyword only": """
            def repaired(logprobs, ref_logprobs, rewards, *, kl_coeff):
                scores = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
                return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "in float64": """
            new, ref = logprobs.double(), ref_logprobs.double()
            scores = (rewards.double() - kl_coeff * (new - ref)).detach()
            return -((scores[:, 0] - scores[:, 1]) * (new[:, 0] - new[:, 1])).mean()
        """,
        "detach on the scores": """
            scores = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap = scores[:, 0] - scores[:, 1]
            logprob_gap = logprobs[:, 0] - logprobs[:, 1]
            return -(score_gap * logprob_gap).mean()
        """,
        "detach on the gap": """
            scores = rewards - kl_coeff * (logprobs - ref_logprobs)
            score_gap = (scores[:, 0] - scores[:, 1]).detach()
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "detach on the price's log-probabilities": """
            scores = rewards - kl_coeff * (logprobs.detach() - ref_logprobs.detach())
            return -((scores[:, 0] - scores[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "the book's own loss": """
            from rlhf_helpers import spo_loss

            scores = rewards - kl_coeff * (logprobs - ref_logprobs)
            return spo_loss(logprobs[:, 0], logprobs[:, 1], scores[:, 0], scores[:, 1])
        """,
        "no_grad": """
            with torch.no_grad():
                scores = rewards - kl_coeff * (logprobs - ref_logprobs)
            return -(scores.diff(dim=1) * logprobs.diff(dim=1)).mean()
        """,
        "in place": """
            scores = rewards - kl_coeff * (logprobs - ref_logprobs)
            scores.detach_()
            return ((scores[:, 1] - scores[:, 0]) * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "columns": """
            a, b = logprobs.unbind(1)
            ref_a, ref_b = ref_logprobs.unbind(1)
            h = (a - b).detach() - (ref_a - ref_b).detach()
            gap = rewards[:, 0] - rewards[:, 1] - kl_coeff * h
            return -torch.sum(gap * (a - b)) / len(gap)
        """,
        "a loop": """
            total = 0
            for n, f, r in zip(logprobs, ref_logprobs, rewards):
                s = r - kl_coeff * (n.detach() - f)
                total = total - (s[0] - s[1]).item() * (n[0] - n[1])
            return total / len(logprobs)
        """,
        "diff": """
            scores = (rewards - kl_coeff * (logprobs - ref_logprobs)).data
            return -(scores.diff(dim=1) * logprobs.diff(dim=1)).mean()
        """,
        "NumPy score": """
            s = rewards.numpy() - kl_coeff * (logprobs.detach().numpy() - ref_logprobs.numpy())
            return -(torch.from_numpy(s[:, 0] - s[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "unbind": """
            a, b = logprobs.unbind(1)
            s, t = (rewards - kl_coeff * (logprobs.detach() - ref_logprobs)).unbind(1)
            return (-(s - t) * (a - b)).mean()
        """,
        "the sum with both signs": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            gap = (s[:, :1] - s[:, 1:]) * torch.tensor([1.0, -1.0])
            return -(gap * logprobs).sum(1).mean()
        """,
        "dot": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach().double()
            g = logprobs.double()
            return -torch.dot(s[:, 0] - s[:, 1], g[:, 0] - g[:, 1]) / s.shape[0]
        """,
    },
    "ex-spo-rebel": {
        "the knob by keyword only": """
            def rebel_loss(logprobs, ref_logprobs, rewards, *, beta):
                h = (logprobs - ref_logprobs.detach()).sum(1)
                r = rewards.sum(1)
                return (((h[0::2] - h[1::2]) - (r[0::2] - r[1::2]) / beta) ** 2).mean()
        """,
        "in float64": """
            h = (logprobs.double() - ref_logprobs.double().detach()).sum(1).view(-1, 2)
            r = rewards.double().sum(1).view(-1, 2)
            return ((h[:, 0] - h[:, 1] - (r[:, 0] - r[:, 1]) / beta) ** 2).mean()
        """,
        "even and odd rows": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(-1)
            paid = rewards.sum(-1)
            h = log_ratio[0::2] - log_ratio[1::2]
            r = paid[0::2] - paid[1::2]
            return ((h - r / beta) ** 2).mean()
        """,
        "mse_loss": """
            h = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            r = rewards.sum(1).view(-1, 2)
            return torch.nn.functional.mse_loss(h[:, 0] - h[:, 1], (r[:, 0] - r[:, 1]) / beta)
        """,
        "in place": """
            ref_logprobs.detach_()
            x = (logprobs - ref_logprobs).sum(1) - rewards.sum(1) / beta
            return (x[::2] - x[1::2]).square().mean()
        """,
        "a loop": """
            total = 0.0
            ref = ref_logprobs.detach()
            for i in range(0, len(logprobs), 2):
                h = (logprobs[i] - ref[i]).sum() - (logprobs[i + 1] - ref[i + 1]).sum()
                r = rewards[i].sum() - rewards[i + 1].sum()
                total = total + (h - r / beta) ** 2
            return total / (len(logprobs) // 2)
        """,
        "einsum": """
            sign = torch.tensor([1.0, -1.0], dtype=logprobs.dtype)
            h = torch.einsum("pit,i->p", (logprobs - ref_logprobs.detach()).unflatten(0, (-1, 2)), sign)
            r = torch.einsum("pit,i->p", rewards.unflatten(0, (-1, 2)), sign)
            return (h - r / beta).pow(2).mean()
        """,
        "the parabola, scaled": """
            h = (logprobs.sum(1) - ref_logprobs.detach().sum(1)).reshape(-1, 2)
            r = rewards.sum(1).reshape(-1, 2)
            return torch.mean((beta * (h[:, 0] - h[:, 1]) - (r[:, 0] - r[:, 1])) ** 2) / beta**2
        """,
        "lists of pairs": """
            total = 0.0
            for i in range(0, len(logprobs), 2):
                a, b = ((logprobs[j] - ref_logprobs[j].detach()).sum() for j in (i, i + 1))
                h = a - b
                total = total + (h - (rewards[i].sum() - rewards[i + 1].sum()) / beta) ** 2
            return total / (len(logprobs) // 2)
        """,
        "diff": """
            each = (logprobs - ref_logprobs.detach() - rewards / beta).sum(-1)
            return each.view(-1, 2).diff(dim=1).square().mean()
        """,
        "signs": """
            signs = torch.tensor([1.0, -1.0])
            h = (logprobs - ref_logprobs.detach()).sum(1).reshape(-1, 2) @ signs
            r = rewards.sum(1).reshape(-1, 2) @ signs
            return torch.mean(torch.pow(h - r / beta, 2))
        """,
        "unflatten": """
            lr = (logprobs - ref_logprobs.detach()).unflatten(0, (-1, 2)).sum(-1)
            pay = rewards.unflatten(0, (-1, 2)).sum(-1)
            return ((lr[:, 1] - lr[:, 0]) - (pay[:, 1] - pay[:, 0]) / beta).square().mean()
        """,
        "variance": """
            each = (logprobs - ref_logprobs.detach() - rewards / beta).sum(1).view(-1, 2)
            return 2 * each.var(1).mean()
        """,
        "float64 norm": """
            each = (logprobs.double() - ref_logprobs.detach().double() - rewards.double() / beta).sum(1)
            gap = each[::2] - each[1::2]
            return gap.norm() ** 2 / len(gap)
        """,
        "NumPy for the rewards": """
            pay = rewards.numpy().sum(1)
            goal = torch.from_numpy((pay[0::2] - pay[1::2]) / beta)
            lr = (logprobs - ref_logprobs.detach()).sum(1)
            return torch.nn.functional.mse_loss(lr[0::2] - lr[1::2], goal)
        """,
    },
}

WRONG = {
    "ex-spo-loud": {
        "multiplied in place of divided": "5, 1",
        "unchanged": "0.5, 1",
        "ten times the step": "0.05, 10",
        "the step shrinks": "0.05, 0.1",
        "a square root for Adam": "0.05, 10**0.5",
        "both ten times": "5, 10",
        "a tenth of 1": "0.1, 1",
        "as plain gradient descent, same price": "0.5, 10",
        "the step vanishes": "0.05, 0",
        "the sign in place of its size": "0.05, -1",
    },
    "ex-spo-arms": {
        "only as a": "return mu * (payout - nu @ payout)",
        "only as b": "return nu * (payout - mu @ payout)",
        "each sampler against itself": """
            return mu * (payout - mu @ payout) + nu * (payout - nu @ payout)
        """,
        "b pushed down: the sign": """
            return mu * (payout - nu @ payout) - nu * (payout - mu @ payout)
        """,
        "plain mean of the payouts": """
            return (mu + nu) * (payout - payout.mean())
        """,
        "weights forgotten": "return (payout - nu @ payout) + (payout - mu @ payout)",
        "baseline forgotten": "return (mu + nu) * payout",
        "halved": """
            return (mu * (payout - nu @ payout) + nu * (payout - mu @ payout)) / 2
        """,
        "a common sampler: the mixture": """
            both = (mu + nu) / 2
            return 2 * both * (payout - both @ payout)
        """,
        "sign": "return mu * (nu @ payout - payout) + nu * (mu @ payout - payout)",
        "both samplers multiplied": "return mu * nu * (2 * payout - mu @ payout - nu @ payout)",
        "summed to one number": """
            return (mu * (payout - nu @ payout) + nu * (payout - mu @ payout)).sum()
        """,
    },
    "ex-spo-bug": {
        "nothing repaired": """
            scores = rewards - kl_coeff * (logprobs - ref_logprobs)
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "detach on the log-probability gap": """
            scores = rewards - kl_coeff * (logprobs - ref_logprobs)
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1]).detach()).mean()
        """,
        "both detached": """
            scores = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1]).detach()).mean()
        """,
        "only the reference detached": """
            scores = rewards - kl_coeff * (logprobs - ref_logprobs.detach())
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "the price halved": """
            scores = rewards - kl_coeff / 2 * (logprobs - ref_logprobs)
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "the price left out": """
            score_gap = rewards[:, 0] - rewards[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "the sign of the price": """
            scores = (rewards + kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "the gap of the log ratios": """
            log_ratio = logprobs - ref_logprobs
            scores = (rewards - kl_coeff * log_ratio).detach()
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (log_ratio[:, 0] - log_ratio[:, 1])).mean()
        """,
        "minus sign lost": """
            scores = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap = scores[:, 0] - scores[:, 1]
            return (score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "detach on the rewards": """
            scores = rewards.detach() - kl_coeff * (logprobs - ref_logprobs)
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "sum over pairs": """
            scores = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap = scores[:, 0] - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).sum()
        """,
        "detached only for answer a": """
            scores = rewards - kl_coeff * (logprobs - ref_logprobs)
            score_gap = scores[:, 0].detach() - scores[:, 1]
            return -(score_gap * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "each row": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap, gap = s[:, 0] - s[:, 1], logprobs[:, 0] - logprobs[:, 1]
            return -(score_gap * gap)
        """,
        "log sigmoid": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap, gap = s[:, 0] - s[:, 1], logprobs[:, 0] - logprobs[:, 1]
            return -(score_gap * logsigmoid(gap)).mean()
        """,
        "the score's sign": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap, gap = s[:, 0] - s[:, 1], logprobs[:, 0] - logprobs[:, 1]
            return -(score_gap.sign() * gap).mean()
        """,
        "the columns swapped in one": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap, gap = s[:, 0] - s[:, 1], logprobs[:, 0] - logprobs[:, 1]
            return (score_gap * gap).mean()
        """,
        "baselines": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap, gap = s[:, 0] - s[:, 1], logprobs[:, 0] - logprobs[:, 1]
            return -((s - s.mean()) * logprobs).sum(1).mean()
        """,
        "means multiplied": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap, gap = s[:, 0] - s[:, 1], logprobs[:, 0] - logprobs[:, 1]
            return -score_gap.mean() * gap.mean()
        """,
        "a mean over both answers": """
            s = (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
            score_gap, gap = s[:, 0] - s[:, 1], logprobs[:, 0] - logprobs[:, 1]
            return -(score_gap * gap).mean() / 2
        """,
        "without the pull on b": """
            s = rewards - kl_coeff * (logprobs - ref_logprobs).detach() * torch.tensor([1.0, 0.0])
            return -((s[:, 0] - s[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "kl added as a term": """
            gap = logprobs[:, 0] - logprobs[:, 1]
            return -((rewards[:, 0] - rewards[:, 1]) * gap).mean() + kl_coeff * (logprobs - ref_logprobs).mean()
        """,
        "no_grad all": """
            with torch.no_grad():
                s = rewards - kl_coeff * (logprobs - ref_logprobs)
                return -((s[:, 0] - s[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
        "pull doubled": """
            s = (rewards - 2 * kl_coeff * (logprobs - ref_logprobs)).detach()
            return -((s[:, 0] - s[:, 1]) * (logprobs[:, 0] - logprobs[:, 1])).mean()
        """,
    },
    "ex-spo-rebel": {
        "detach forgotten": """
            log_ratio = (logprobs - ref_logprobs).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return ((h - r / beta) ** 2).mean()
        """,
        "beta multiplied": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return ((h - beta * r) ** 2).mean()
        """,
        "beta forgotten": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return ((h - r) ** 2).mean()
        """,
        "reference forgotten": """
            total = logprobs.sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = total[:, 0] - total[:, 1], paid[:, 0] - paid[:, 1]
            return ((h - r / beta) ** 2).mean()
        """,
        "mean over tokens": """
            log_ratio = (logprobs - ref_logprobs.detach()).mean(1).view(-1, 2)
            paid = rewards.mean(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return ((h - r / beta) ** 2).mean()
        """,
        "paired by halves": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(2, -1)
            paid = rewards.sum(1).view(2, -1)
            h, r = log_ratio[0] - log_ratio[1], paid[0] - paid[1]
            return ((h - r / beta) ** 2).mean()
        """,
        "sign of the rewards": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return ((h + r / beta) ** 2).mean()
        """,
        "not squared": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return (h - r / beta).abs().mean()
        """,
        "halved": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return 0.5 * ((h - r / beta) ** 2).mean()
        """,
        "summed over pairs": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return ((h - r / beta) ** 2).sum()
        """,
        "the price in the score as well": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2) - beta * log_ratio.detach()
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return ((h - r / beta) ** 2).mean()
        """,
        "the policy detached": """
            log_ratio = (logprobs.detach() - ref_logprobs).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return ((h - r / beta) ** 2).mean()
        """,
        "answer by answer, no pairs": """
            h = (logprobs - ref_logprobs.detach()).sum(1)
            return ((h - rewards.sum(1) / beta) ** 2).mean()
        """,
        "square of the mean": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1).view(-1, 2)
            paid = rewards.sum(1).view(-1, 2)
            h, r = log_ratio[:, 0] - log_ratio[:, 1], paid[:, 0] - paid[:, 1]
            return (h - r / beta).mean() ** 2
        """,
        "DPO on the gap": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return -logsigmoid(beta * h).mean()
        """,
        "huber": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return torch.nn.functional.smooth_l1_loss(h, r / beta)
        """,
        "beta on h": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return ((beta * h - r) ** 2).mean()
        """,
        "both divided": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return (((h - r) / beta) ** 2).mean()
        """,
        "plus": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return ((h + r / beta) ** 2).mean()
        """,
        "root": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return ((h - r / beta) ** 2).mean().sqrt()
        """,
        "for each pair": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return (h - r / beta) ** 2
        """,
        "beta squared": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return ((h - r / beta ** 2) ** 2).mean()
        """,
        "SPO's loss": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return -((r - beta * h).detach() * h).mean()
        """,
        "divided by rows": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1), rewards.sum(1)
            h, r = lr[0::2] - lr[1::2], pay[0::2] - pay[1::2]
            return ((h - r / beta) ** 2).sum() / len(logprobs)
        """,
        "ratio in place of its log": """
            lr, pay = (logprobs - ref_logprobs.detach()).sum(1).exp(), rewards.sum(1)
            return (((lr[0::2] - lr[1::2]) - (pay[0::2] - pay[1::2]) / beta) ** 2).mean()
        """,
        "target detached from policy too": """
            lr, pay = (logprobs.detach() - ref_logprobs).sum(1), rewards.sum(1)
            return (((lr[0::2] - lr[1::2]) - (pay[0::2] - pay[1::2]) / beta) ** 2).mean()
        """,
        "ref carries a gradient through rewards": """
            each = (logprobs - ref_logprobs).sum(1) - rewards.sum(1) / beta
            return (each[0::2] - each[1::2]).square().mean()
        """,
    },
}
