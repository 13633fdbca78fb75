"""Answers to the exercises of the chapter on names that are one line apart."""

PAGE = "12_one_line_apart"

RIGHT = {
    "ex-family-one": {
        "numbers": "1, 2.4749, 7",
        "two digits": "1.0, 2.47, 7.0",
        "an expression": "1, 7 / 8 / (1 / 8) ** 0.5, 7 / 8 * 8",
        "tensors": "torch.tensor(1.0), torch.tensor(2.4749), torch.tensor(7.0)",
    },
    "ex-family-dppo": {
        "a mask": """
            moved = advantages.sign() * (logprobs.exp() - old_logprobs.exp())
            return (logprobs - old_logprobs).exp() * advantages * (moved <= max_move)
        """,
        "two cases": """
            moved = logprobs.exp() - old_logprobs.exp()
            silent = ((advantages > 0) & (moved > max_move)) | ((advantages < 0) & (moved < -max_move))
            return torch.where(silent, 0.0, (logprobs - old_logprobs).exp() * advantages)
        """,
        "quotient of probabilities": """
            p, q = logprobs.exp(), old_logprobs.exp()
            return torch.where(advantages.sign() * (p - q) > max_move, 0.0, p / q * advantages)
        """,
        "NumPy": """
            import numpy as np
            n, o, a = (x.numpy().astype(float) for x in (logprobs, old_logprobs, advantages))
            return np.where(np.sign(a) * (np.exp(n) - np.exp(o)) > max_move, 0, np.exp(n - o) * a)
        """,
        "a loop": """
            out = []
            for n, o, a in zip(logprobs.flatten(), old_logprobs.flatten(), advantages.flatten()):
                p, q = n.exp(), o.exp()
                silent = (a > 0 and p > q + max_move) or (a < 0 and p < q - max_move)
                out.append(torch.tensor(0.0) if silent else p / q * a)
            return torch.stack(out).view(logprobs.shape)
        """,
        "in place": """
            p, q = logprobs.exp_(), old_logprobs.exp_()
            keep = ~((torch.sign(advantages) * (p - q)) > max_move)
            return advantages.mul_(p / q).mul_(keep)
        """,
        "float64, by index": """
            p, q = logprobs.double().exp(), old_logprobs.double().exp()
            w = p / q * advantages
            w[((advantages > 0) & (p - q > max_move)) | ((advantages < 0) & (q - p > max_move))] = 0
            return w
        """,
    },
    "ex-family-cispo": {
        "detach": """
            weight = (logprobs - old_logprobs).exp().clamp(max=max_weight).detach()
            return -(weight * advantages * logprobs).mean()
        """,
        "no_grad": """
            with torch.no_grad():
                weight = (logprobs - old_logprobs).exp().clamp(max=max_weight)
            return -(weight * advantages * logprobs).mean()
        """,
        "the log-probability detached in the ratio": """
            weight = (logprobs.detach() - old_logprobs).exp().clamp(max=max_weight)
            return -torch.mean(weight * advantages * logprobs)
        """,
        "a loop": """
            total = 0
            for n, o, a in zip(logprobs.flatten(), old_logprobs.flatten(), advantages.flatten()):
                total = total - min((n - o).exp().item(), max_weight) * a * n
            return total / logprobs.numel()
        """,
        "NumPy for the weight": """
            import numpy as np
            w = np.minimum(np.exp(logprobs.detach().numpy() - old_logprobs.numpy()), max_weight)
            return -(torch.from_numpy(w * advantages.numpy()) * logprobs).mean()
        """,
        "float64": """
            new = logprobs.double()
            weight = torch.exp(new.detach() - old_logprobs.double()).clamp_(max=max_weight)
            return torch.mean(-weight * advantages.double() * new)
        """,
        "one element": """
            w = (logprobs - old_logprobs).exp().clamp(max=max_weight).data
            return -torch.dot((w * advantages).flatten(), logprobs.flatten()).div(w.numel()).reshape(1)
        """,
    },
    "ex-family-robust": {
        "two sigmoids": """
            return beta * ((1 - e) * torch.sigmoid(-beta * h) + e * torch.sigmoid(beta * h)) / (1 - 2 * e)
        """,
        "one sigmoid": """
            s = torch.sigmoid(beta * h)
            return beta * ((1 - e) * (1 - s) + e * s) / (1 - 2 * e)
        """,
        "multiplied out": """
            return beta * (1 - e - (1 - 2 * e) * torch.sigmoid(beta * h)) / (1 - 2 * e)
        """,
        "NumPy": """
            import numpy as np
            x = h.numpy().astype(float)
            return beta * ((1 - e) / (1 + np.exp(beta * x)) + e / (1 + np.exp(-beta * x))) / (1 - 2 * e)
        """,
        "autograd": """
            x = h.detach().clone().requires_grad_()
            losses = -(1 - e) * torch.nn.functional.logsigmoid(beta * x) + e * torch.nn.functional.logsigmoid(-beta * x)
            return -torch.autograd.grad((losses / (1 - 2 * e)).sum(), x)[0]
        """,
        "a list": "return [beta * (1 / (1 + torch.tensor(beta * x).exp()) + e / (1 - 2 * e)) for x in h.tolist()]",
        "tanh": "return beta * (0.5 / (1 - 2 * e) - 0.5 * torch.tanh(beta * h / 2))",
    },
}

WRONG = {
    "ex-family-one": {
        "own reward in RLOO's baseline": "0.875, 2.4749, 7",
        "nothing divided": "1, 0.875, 7",
        "standard deviation over G": "1, 2.6458, 7",
        "mean not subtracted": "1, 2.4749, 8",
        "variance": "1, 7, 7",
        "swapped": "1, 7, 2.4749",
        "the standard deviation itself": "1, 0.3536, 7",
        "the mean itself": "1, 2.475, 0.125",
        "one over 7 / 8": "1.143, 2.475, 7",
        "first and third exchanged": "7, 2.47, 1",
    },
    "ex-family-dppo": {
        "either direction": """
            moved = (logprobs.exp() - old_logprobs.exp()).abs()
            return torch.where(moved > max_move, 0.0, (logprobs - old_logprobs).exp() * advantages)
        """,
        "a clip of the ratio": """
            ratio = (logprobs - old_logprobs).exp()
            return torch.where(advantages.sign() * (ratio - 1) > max_move, 0.0, ratio * advantages)
        """,
        "log-probabilities": """
            moved = advantages.sign() * (logprobs - old_logprobs)
            return torch.where(moved > max_move, 0.0, (logprobs - old_logprobs).exp() * advantages)
        """,
        "no ratio": """
            moved = advantages.sign() * (logprobs.exp() - old_logprobs.exp())
            return torch.where(moved > max_move, 0.0, advantages)
        """,
        "turned around": """
            moved = advantages.sign() * (logprobs.exp() - old_logprobs.exp())
            return torch.where(moved > max_move, (logprobs - old_logprobs).exp() * advantages, 0.0)
        """,
        "the ratio limited at 2": """
            p, q = logprobs.exp(), old_logprobs.exp()
            moved = advantages.sign() * (p - q)
            return torch.where(moved > max_move, 0.0, (p / q).clamp(max=2) * advantages)
        """,
        "only good tokens": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight.masked_fill((advantages > 0) & (p - q > max_move), 0.0)
        """,
        "only bad tokens": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight.masked_fill((advantages < 0) & (q - p > max_move), 0.0)
        """,
        "the other direction": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight.masked_fill(-advantages.sign() * (p - q) > max_move, 0.0)
        """,
        "share of the new probability": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight.masked_fill(advantages.sign() * (p - q) / p > max_move, 0.0)
        """,
        "no mask": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight
        """,
        "PPO": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return torch.minimum(weight, (p / q).clamp(1 - max_move, 1 + max_move) * advantages)
        """,
        "a clipped ratio": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return (p / q).clamp(1 - max_move, 1 + max_move) * advantages
        """,
        "the advantage times the move": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight.masked_fill(advantages * (p - q) > max_move, 0.0)
        """,
        "the sign lost": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight.masked_fill(advantages.sign() * (p - q) > max_move, 0.0).abs()
        """,
        "the square of the limit": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight.masked_fill(advantages.sign() * (p - q) > max_move ** 2, 0.0)
        """,
        "the advantage forgotten": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return (p / q).masked_fill(advantages.sign() * (p - q) > max_move, 0.0)
        """,
        "falls only": """
            p, q = logprobs.exp(), old_logprobs.exp()
            weight = p / q * advantages
            return weight.masked_fill(q - p > max_move, 0.0)
        """,
    },
    "ex-family-cispo": {
        "nothing repaired": """
            weight = (logprobs - old_logprobs).exp().clamp(max=max_weight)
            return -(weight * advantages * logprobs).mean()
        """,
        "wrong factor detached": """
            weight = (logprobs - old_logprobs).exp().clamp(max=max_weight)
            return -(weight * advantages * logprobs.detach()).mean()
        """,
        "no limit": """
            return -((logprobs - old_logprobs).exp().detach() * advantages * logprobs).mean()
        """,
        "minus lost": """
            weight = (logprobs - old_logprobs).exp().clamp(max=max_weight).detach()
            return (weight * advantages * logprobs).mean()
        """,
        "sum": """
            weight = (logprobs - old_logprobs).exp().clamp(max=max_weight).detach()
            return -(weight * advantages * logprobs).sum()
        """,
        "the log ratio limited": """
            return -((logprobs - old_logprobs).clamp(max=max_weight).exp().detach() * advantages * logprobs).mean()
        """,
        "a limit from below": """
            ratio = (logprobs - old_logprobs).exp().detach()
            return -(ratio.clamp(min=max_weight) * advantages * logprobs).mean()
        """,
        "a limit for good tokens only": """
            ratio = (logprobs - old_logprobs).exp().detach()
            return -(torch.where(advantages > 0, ratio.clamp(max=max_weight), ratio) * advantages * logprobs).mean()
        """,
        "limits on both sides": """
            ratio = (logprobs - old_logprobs).exp().detach()
            return -(ratio.clamp(1 / max_weight, max_weight) * advantages * logprobs).mean()
        """,
        "dropped above the limit": """
            ratio = (logprobs - old_logprobs).exp().detach()
            return -(torch.where(ratio <= max_weight, ratio, 0.0) * advantages * logprobs).mean()
        """,
        "times the log ratio": """
            ratio = (logprobs - old_logprobs).exp().detach()
            return -(ratio.clamp(max=max_weight) * advantages * (logprobs - old_logprobs)).mean()
        """,
        "two means": """
            ratio = (logprobs - old_logprobs).exp().detach()
            return -(ratio.clamp(max=max_weight) * advantages).mean() * logprobs.mean()
        """,
        "around 1": """
            ratio = (logprobs - old_logprobs).exp().detach()
            return -(ratio.clamp(1 - max_weight, 1 + max_weight) * advantages * logprobs).mean()
        """,
        "PPO's minimum": """
            ratio = (logprobs - old_logprobs).exp()
            return -torch.minimum(ratio * advantages, ratio.clamp(max=max_weight) * advantages).mean()
        """,
        "for each token": """
            ratio = (logprobs - old_logprobs).exp().detach()
            return -(ratio.clamp(max=max_weight) * advantages * logprobs)
        """,
    },
    "ex-family-robust": {
        "cDPO": "return beta * ((1 - e) * torch.sigmoid(-beta * h) - e * torch.sigmoid(beta * h))",
        "sign": """
            return beta * ((1 - e) * torch.sigmoid(-beta * h) - e * torch.sigmoid(beta * h)) / (1 - 2 * e)
        """,
        "not divided": "return beta * ((1 - e) * torch.sigmoid(-beta * h) + e * torch.sigmoid(beta * h))",
        "no beta": "return ((1 - e) * torch.sigmoid(-beta * h) + e * torch.sigmoid(beta * h)) / (1 - 2 * e)",
        "DPO": "return beta * torch.sigmoid(-beta * h)",
        "the derivative": """
            return -beta * ((1 - e) * torch.sigmoid(-beta * h) + e * torch.sigmoid(beta * h)) / (1 - 2 * e)
        """,
        "brackets around the last term forgotten": """
            agree, disagree = torch.sigmoid(-beta * h), torch.sigmoid(beta * h)
            return beta * ((1 - e) * agree + e * disagree) / 1 - 2 * e
        """,
        "beta on the first part only": """
            agree, disagree = torch.sigmoid(-beta * h), torch.sigmoid(beta * h)
            return (beta * (1 - e) * agree + e * disagree) / (1 - 2 * e)
        """,
        "divided by 1 - e": """
            agree, disagree = torch.sigmoid(-beta * h), torch.sigmoid(beta * h)
            return beta * ((1 - e) * agree + e * disagree) / (1 - e)
        """,
        "swapped": """
            agree, disagree = torch.sigmoid(-beta * h), torch.sigmoid(beta * h)
            return beta * ((1 - e) * disagree + e * agree) / (1 - 2 * e)
        """,
        "the loss itself": """
            agree, disagree = torch.sigmoid(-beta * h), torch.sigmoid(beta * h)
            return (-(1 - e) * disagree.log() + e * agree.log()) / (1 - 2 * e)
        """,
        "beta not inside": "return beta * ((1 - e) * torch.sigmoid(-h) + e * torch.sigmoid(h)) / (1 - 2 * e)",
    },
}
