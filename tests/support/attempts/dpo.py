"""Answers to the exercises of the chapter about DPO."""

PAGE = "06_dpo"

RIGHT = {
    "ex-dpo-weight": {
        "two digits": """
            three_weights = 0.5, 0.25, 0
            three_losses = 10, 0.69, 0
        """,
        "two digits after the point": """
            three_weights = 0.50, 0.25, 0.00
            three_losses = 10.00, 0.69, 0.00
        """,
        "what the hint says": """
            import math

            three_weights = 0.5 * (1 - math.exp(-10)), 0.25, 0.5 * math.exp(-10)
            three_losses = 10, math.log(2), math.exp(-10)
        """,
        "tensors": """
            h = torch.tensor([-20.0, 0.0, 20.0])
            three_weights = 0.5 * torch.sigmoid(-0.5 * h)
            three_losses = -logsigmoid(0.5 * h)
        """,
        "float64": """
            h = torch.tensor([-20, 0, 20], dtype=torch.float64)
            three_weights = 0.5 / (1 + (0.5 * h).exp())
            three_losses = (1 + (-0.5 * h).exp()).log()
        """,
        "NumPy": """
            import numpy as np

            h = np.array([-20.0, 0.0, 20.0])
            three_weights = 0.5 / (1 + np.exp(0.5 * h))
            three_losses = np.log1p(np.exp(-0.5 * h))
        """,
        "lists of fractions": """
            from fractions import Fraction

            three_weights = [Fraction(1, 2), Fraction(1, 4), Fraction(0)]
            three_losses = [10, 0.693, 0]
        """,
        "autograd": """
            three_weights, three_losses = [], []
            for x in (-20.0, 0.0, 20.0):
                h = torch.tensor(x, requires_grad=True)
                loss = -logsigmoid(0.5 * h)
                loss.backward()
                three_weights.append(-h.grad)
                three_losses.append(loss.detach())
        """,
    },
    "ex-dpo-batch": {
        "the knob by keyword only": """
            def batch_loss(logprobs, ref_logprobs, mask, *, beta=0.1):
                log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
                return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "in float64": """
            log_ratio = (mask.double() * (logprobs.double() - ref_logprobs.detach().double())).sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "two sums": """
            new = (logprobs * mask).sum(-1)
            ref = (ref_logprobs * mask).sum(-1).detach()
            gap = new - ref
            return -logsigmoid(beta * (gap[::2] - gap[1::2])).mean()
        """,
        "view": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1).view(-1, 2)
            return -logsigmoid(beta * (log_ratio[:, 0] - log_ratio[:, 1])).mean()
        """,
        "the book's own loss": """
            s = (mask * logprobs).sum(1)
            r = (mask * ref_logprobs.detach()).sum(1)
            return dpo_loss(s[0::2], s[1::2], r[0::2], r[1::2], beta=beta)
        """,
        "in place": """
            ref_logprobs.detach_()
            log_ratio = (mask * (logprobs - ref_logprobs)).sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "a loop over pairs": """
            ref = ref_logprobs.detach()
            losses = []
            for i in range(0, len(logprobs), 2):
                chosen = ((logprobs[i] - ref[i]) * mask[i]).sum()
                rejected = ((logprobs[i + 1] - ref[i + 1]) * mask[i + 1]).sum()
                losses.append(-torch.nn.functional.logsigmoid(beta * (chosen - rejected)))
            return torch.stack(losses).mean()
        """,
        "softplus": """
            with torch.no_grad():
                ref = ref_logprobs.clone()
            x = torch.where(mask == 1, logprobs - ref, torch.zeros_like(ref)).sum(dim=1)
            return torch.nn.functional.softplus(-beta * (x[0::2] - x[1::2])).mean()
        """,
        "einsum": """
            x = torch.einsum("nt,nt->n", mask.to(logprobs.dtype), logprobs - ref_logprobs.detach())
            chosen, rejected = x.reshape(-1, 2).unbind(1)
            return -logsigmoid(beta * (chosen - rejected)).sum() / len(chosen)
        """,
        "where in both": """
            zero = torch.zeros_like(logprobs)
            new = torch.where(mask > 0, logprobs, zero).sum(1)
            old = torch.where(mask > 0, ref_logprobs, zero).sum(1).detach()
            h = (new - old)[::2] - (new - old)[1::2]
            return torch.nn.functional.softplus(-beta * h).mean()
        """,
        "diff": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1).view(-1, 2)
            return -logsigmoid(-beta * each.diff(dim=1)).mean()
        """,
        "cross entropy": """
            each = beta * ((logprobs - ref_logprobs.detach()) * mask).sum(1).view(-1, 2)
            return torch.nn.functional.cross_entropy(each, torch.zeros(len(each), dtype=torch.long))
        """,
        "logsumexp": """
            each = beta * ((logprobs - ref_logprobs.detach()) * mask).sum(1).view(-1, 2)
            return (each.logsumexp(1) - each[:, 0]).mean()
        """,
        "binary cross entropy": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = beta * (each[0::2] - each[1::2])
            return torch.nn.functional.binary_cross_entropy_with_logits(h, torch.ones_like(h))
        """,
        "signs": """
            sign = 1 - 2 * (torch.arange(len(mask)) % 2)
            each = sign[:, None] * mask * (logprobs - ref_logprobs.detach())
            return -logsigmoid(beta * each.view(-1, 2 * mask.shape[1]).sum(1)).mean()
        """,
        "logaddexp": """
            each = beta * ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            return torch.logaddexp(torch.zeros(()), each[1::2] - each[0::2]).mean()
        """,
    },
    "ex-dpo-bug": {
        "the first row": """
            gap = history - history[0].detach()
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "columns": """
            chosen, rejected = history[:, 0], history[:, 1]
            h = (chosen - chosen[0].detach()) - (rejected - rejected[0].detach())
            return -torch.nn.functional.logsigmoid(0.1 * h)
        """,
        "the gap of gaps": """
            h = history[:, 0] - history[:, 1]
            return -logsigmoid(0.1 * (h - h[0].detach()))
        """,
        "the book's own loss": """
            ref = history[:1].detach()
            losses = [dpo_loss(x[:, 0], x[:, 1], ref[:, 0], ref[:, 1]) for x in history.split(1)]
            return torch.stack(losses)
        """,
        "expanded": """
            reference = history.detach()[0].expand_as(history)
            gap = history - reference
            return torch.nn.functional.softplus(-0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "a clone without a gradient": """
            with torch.no_grad():
                reference = history[0].clone()
            gap = history - reference
            return -(0.1 * (gap[:, 0] - gap[:, 1])).sigmoid().log()
        """,
    },
    "ex-dpo-table": {
        "one array for all": """
            import numpy as np

            chosen_ends, token_7_ends, logits_that_move = np.array([1.0, 0.0, 2.0])
        """,
        "whole numbers": "1, 0, 2",
        "floats": "1.0, 0.0, 2.0",
        "tensors": "torch.tensor(1.0), torch.tensor(0.0), torch.tensor(2)",
        "run": """
            z = torch.zeros(10, requires_grad=True)
            for _ in range(400):
                logp = z.log_softmax(0)
                (g,) = torch.autograd.grad(-logsigmoid(0.1 * (logp[1] - logp[4])), z)
                z = (z - 20 * g).detach().requires_grad_()
            p = z.detach().softmax(0)
            chosen_ends, token_7_ends, logits_that_move = p[1], p[7], (z.abs() > 1e-3).sum()
        """,
        "to three digits": "0.999, 0.0002, 2",
        "NumPy": """
            import numpy as np

            z = np.zeros(10)
            for _ in range(400):
                push = 20 * 0.1 / (1 + np.exp(0.1 * (z[1] - z[4])))
                z[1] += push
                z[4] -= push
            p = np.exp(z) / np.exp(z).sum()
            chosen_ends, token_7_ends, logits_that_move = p[1], p[7], np.count_nonzero(z)
        """,
    },
    "ex-dpo-smoothing": {
        "difference of logs": """
            h = (math.log(1 - e) - math.log(e)) / beta
            return h, 1 / (2 * h)
        """,
        "log1p": """
            h = (math.log1p(-e) - math.log(e)) / beta
            return [h, 0.5 / h]
        """,
        "the inverse of the sigmoid": """
            h = torch.logit(torch.tensor(1 - e, dtype=torch.float64)) / beta
            return h, 1 / (2 * h)
        """,
        "minus sign, upside down": """
            h = -math.log(e / (1 - e)) / beta
            tau = beta / (2 * math.log((1 - e) / e))
            return h, tau
        """,
        "NumPy": """
            import numpy as np

            h = np.log(1 / e - 1) / beta
            return h, 1 / h / 2
        """,
        "numbers taken out of tensors": """
            h = torch.log(torch.as_tensor((1 - e) / e)) / beta
            return h.item(), (0.5 / h).item()
        """,
    },
}

WRONG = {
    "ex-dpo-weight": {
        "beta forgotten": """
            three_weights = 1, 0.5, 0
            three_losses = 20, 0.69, 0
        """,
        "beta forgotten in front of the weight": """
            three_weights = 1, 0.5, 0
            three_losses = 10, 0.69, 0
        """,
        "the settled pair weighs most": """
            three_weights = 0, 0.25, 0.5
            three_losses = 10, 0.69, 0
        """,
        "both the wrong way round": """
            three_weights = 0, 0.25, 0.5
            three_losses = 0, 0.69, 10
        """,
        "beta twice": """
            three_weights = 0.25, 0.125, 0
            three_losses = 10, 0.69, 0
        """,
        "sigmoid in place of its logarithm": """
            three_weights = 0.5, 0.25, 0
            three_losses = 0, 0.5, 1
        """,
        "log base 2": """
            three_weights = 0.5, 0.25, 0
            three_losses = 14.43, 1, 0
        """,
        "log base 10": """
            three_weights = 0.5, 0.25, 0
            three_losses = 4.34, 0.30, 0
        """,
        "sign of the losses": """
            three_weights = 0.5, 0.25, 0
            three_losses = -10, -0.69, 0
        """,
        "sign of the weights": """
            three_weights = -0.5, -0.25, 0
            three_losses = 10, 0.69, 0
        """,
        "the loss at 0 is 0": """
            three_weights = 0.5, 0.25, 0
            three_losses = 10, 0, 0
        """,
        "the weight at no opinion is 0": """
            three_weights = 0.5, 0, 0
            three_losses = 10, 0.69, 0
        """,
        "the loss is h": """
            three_weights = 0.5, 0.25, 0
            three_losses = 20, 0.69, 0
        """,
    },
    "ex-dpo-batch": {
        "mask forgotten": """
            log_ratio = (logprobs - ref_logprobs.detach()).sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "a mean over the tokens": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1) / mask.sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "detach forgotten": """
            log_ratio = (mask * (logprobs - ref_logprobs)).sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "halves in place of neighbors": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
            chosen, rejected = log_ratio.chunk(2)
            return -logsigmoid(beta * (chosen - rejected)).mean()
        """,
        "chosen and rejected swapped": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
            return -logsigmoid(beta * (log_ratio[1::2] - log_ratio[0::2])).mean()
        """,
        "minus sign lost": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
            return logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "sum over the pairs": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).sum()
        """,
        "beta outside": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
            return -beta * logsigmoid(log_ratio[0::2] - log_ratio[1::2]).mean()
        """,
        "beta forgotten": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
            return -logsigmoid(log_ratio[0::2] - log_ratio[1::2]).mean()
        """,
        "reference forgotten": """
            total = (mask * logprobs).sum(1)
            return -logsigmoid(beta * (total[0::2] - total[1::2])).mean()
        """,
        "log forgotten": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
            return -torch.sigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "detached the policy": """
            log_ratio = (mask * (logprobs.detach() - ref_logprobs)).sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "one sigmoid for the mean pair": """
            log_ratio = (mask * (logprobs - ref_logprobs.detach())).sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2]).mean())
        """,
        "policy and reference swapped": """
            log_ratio = (mask * (ref_logprobs.detach() - logprobs)).sum(1)
            return -logsigmoid(beta * (log_ratio[0::2] - log_ratio[1::2])).mean()
        """,
        "IPO": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return ((h - 1 / (2 * beta)) ** 2).mean()
        """,
        "hinge": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return (1 - beta * h).clamp(min=0).mean()
        """,
        "log of the sigmoid, naively": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return -torch.sigmoid(beta * h).log().mean()
        """,
        "the mean inside": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return -logsigmoid(beta * h.mean())
        """,
        "only chosen": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return -logsigmoid(beta * each[0::2]).mean()
        """,
        "divided by rows": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return -logsigmoid(beta * h).sum() / len(logprobs)
        """,
        "h over beta": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return -logsigmoid(h / beta).mean()
        """,
        "sigmoid, no log": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return 1 - torch.sigmoid(beta * h).mean()
        """,
        "tanh": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return -(beta * h).tanh().mean()
        """,
        "clamped": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            h = each[0::2] - each[1::2]
            return -logsigmoid((beta * h).clamp(-20, 20)).mean()
        """,
        "policy's gap alone, reference added": """
            each = ((logprobs + ref_logprobs.detach()) * mask).sum(1)
            return -logsigmoid(beta * (each[0::2] - each[1::2])).mean()
        """,
        "ratio of probabilities": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1).exp()
            return -logsigmoid(beta * (each[0::2] - each[1::2])).mean()
        """,
        "both detached in the rejected": """
            each = ((logprobs - ref_logprobs.detach()) * mask).sum(1)
            return -logsigmoid(beta * (each[0::2] - each[1::2].detach())).mean()
        """,
    },
    "ex-dpo-bug": {
        "nothing repaired": """
            gap = history - history.detach()
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "detach removed": """
            gap = history - history
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "the first row, not constant": """
            gap = history - history[:1]
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "the last row": """
            gap = history - history[-1:].detach()
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "the row before": """
            before = torch.cat([history[:1], history[:-1]]).detach()
            gap = history - before
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "reference left out": "return -logsigmoid(0.1 * (history[:, 0] - history[:, 1]))",
        "the mean over updates as reference": """
            gap = history - history.mean(0).detach()
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "averaged to one number": """
            gap = history - history[:1].detach()
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1])).mean()
        """,
        "rejected minus chosen": """
            gap = history - history[:1].detach()
            return -logsigmoid(0.1 * (gap[:, 1] - gap[:, 0]))
        """,
        "detached the policy": """
            gap = history.detach() - history[:1]
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "everything detached": """
            history = history.detach()
            gap = history - history[:1]
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
        "the first column": """
            gap = history - history[:, :1].detach()
            return -logsigmoid(0.1 * (gap[:, 0] - gap[:, 1]))
        """,
    },
    "ex-dpo-table": {
        "the bystander wins here as well": "0.002, 0.9, 2",
        "token 7 keeps its share": "0.9, 0.1, 2",
        "token 7's probability does not move with its logit": "1, 0.1, 2",
        "all logits move": "1, 0, 10",
        "only the chosen logit moves": "1, 0, 1",
        "the chosen gains what the rejected loses": "0.2, 0.1, 2",
        "rejected and chosen share": "0.5, 0.0, 2",
        "in percent": "100, 0, 2",
        "the bystander ends at 1": "0, 1, 2",
        "the logits of the two and of token 7": "1, 0, 3",
    },
    "ex-dpo-smoothing": {
        "beta multiplied": """
            h = beta * math.log((1 - e) / e)
            return h, 1 / (2 * h)
        """,
        "beta forgotten": """
            h = math.log((1 - e) / e)
            return h, 1 / (2 * h)
        """,
        "e and 1 - e swapped": """
            h = math.log(e / (1 - e)) / beta
            return h, 1 / (2 * h)
        """,
        "IPO without the 2": """
            h = math.log((1 - e) / e) / beta
            return h, 1 / h
        """,
        "tau half of h": """
            h = math.log((1 - e) / e) / beta
            return h, h / 2
        """,
        "log of one minus e only": """
            h = -math.log(1 - e) / beta
            return h, 1 / (2 * h)
        """,
        "log forgotten": """
            h = (1 - e) / e / beta
            return h, 1 / (2 * h)
        """,
        "log in base 10": """
            h = math.log10((1 - e) / e) / beta
            return h, 1 / (2 * h)
        """,
        "the sigmoid in place of its inverse": """
            h = 1 / (1 + math.exp(-(1 - e))) / beta
            return h, 1 / (2 * h)
        """,
        "the margin in place of the gap": """
            margin = math.log((1 - e) / e)
            return margin, beta / (2 * margin)
        """,
        "tau and h swapped": """
            h = math.log((1 - e) / e) / beta
            return 1 / (2 * h), h
        """,
        "tau keeps beta": """
            h = math.log((1 - e) / e) / beta
            return h, beta / (2 * h)
        """,
    },
}
