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
    },
}
