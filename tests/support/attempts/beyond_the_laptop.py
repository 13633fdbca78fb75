"""Answers to the exercises of the chapter on systems of many machines."""

PAGE = "13_beyond_the_laptop"

RIGHT = {
    "ex-beyond-clock": {
        "numbers": "4, 3, 8",
        "sums": "3 + 1, max(3, 1), 8",
        "floats": "4.0, 3.0, 8.0",
    },
    "ex-beyond-mean": {
        "a sum": "return (token_losses * mask).sum() / all_tokens * learners",
        "one factor": "return learners / all_tokens * torch.sum(mask * token_losses)",
        "chosen tokens": "return token_losses[mask.bool()].sum() * learners / all_tokens",
        "where": "return torch.where(mask > 0, token_losses, 0.0).sum() / (all_tokens / learners)",
    },
    "ex-beyond-kept": {
        "numbers": "0.9, 0.430467, 0.105361",
        "rounded": "0.9, 0.43, 0.105",
        "expressions": "0.9, 0.9 ** 8, -torch.tensor(0.9).log()",
    },
    "ex-beyond-mask": {
        "where": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0) * mask
        """,
        "a comparison as a factor": """
            logs = torch.where(mask > 0, logprobs - old_logprobs, 0.0).sum(-1)[:, None]
            return logs.exp() * (logs.exp() <= cap) * mask
        """,
        "a product": """
            ratio = torch.where(mask > 0, (logprobs - old_logprobs).exp(), 1.0)
            product = ratio.prod(1, keepdim=True).expand(ratio.shape)
            return product * mask * (product <= cap).to(mask.dtype)
        """,
        "masked_fill": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return product.masked_fill(product > cap, 0.0) * mask
        """,
    },
    "ex-beyond-ceiling": {
        "two conditions": """
            good = (advantages > 0) & (ratio > 1 + clip_eps)
            bad = (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(good | bad, 0.0, ratio)
        """,
        "what is kept": """
            kept = torch.where(advantages > 0, ratio <= 1 + clip_eps, (ratio >= 1 - clip_eps) & (ratio <= ceiling))
            return ratio * (kept | (advantages == 0))
        """,
        "one after the other": """
            w = ratio.masked_fill((advantages > 0) & (ratio > 1 + clip_eps), 0.0)
            w = w.masked_fill((advantages < 0) & (ratio < 1 - clip_eps), 0.0)
            return w.masked_fill((advantages < 0) & (ratio > ceiling), 0.0)
        """,
    },
}

WRONG = {
    "ex-beyond-clock": {
        "the slower one alone": "3, 3, 8",
        "the sum twice": "4, 4, 8",
        "half of both": "4, 2, 8",
        "the faster one": "4, 1, 8",
        "one too many": "4, 3, 9",
        "seconds": "4, 3, 24",
    },
    "ex-beyond-mean": {
        "own mean": "return (token_losses * mask).sum() / mask.sum()",
        "averaged twice": "return (token_losses * mask).sum() / all_tokens",
        "divided again": "return (token_losses * mask).sum() / all_tokens / learners",
        "no mask": "return token_losses.sum() / all_tokens * learners",
        "a mean over places": "return (token_losses * mask).mean()",
        "each answer first": "return ((token_losses * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()",
        "own mean, times the learners": "return (token_losses * mask).sum() / mask.sum() * learners",
    },
    "ex-beyond-kept": {
        "upside down": "1.1111, 0.43, 0.105",
        "one": "1.0, 0.43, 0.105",
        "product upside down": "0.9, 2.323, 0.105",
        "added up": "0.9, 7.2, 0.105",
        "one token": "0.9, 0.9, 0.105",
        "negative": "0.9, 0.43, -0.105",
        "of an answer": "0.9, 0.43, 0.843",
    },
    "ex-beyond-mask": {
        "padding in the product": """
            product = (logprobs - old_logprobs).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0) * mask
        """,
        "a cap": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return product.clamp(max=cap) * mask
        """,
        "token by token": """
            ratio = (logprobs - old_logprobs).exp()
            return torch.where(ratio <= cap, ratio, 0.0) * mask
        """,
        "a mean": """
            logs = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
            return torch.where(logs.exp() <= cap, logs.exp(), 0.0) * mask
        """,
        "weight one": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return (product <= cap) * mask
        """,
        "turned around": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product > cap, product, 0.0) * mask
        """,
        "upside down": """
            product = ((old_logprobs - logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0) * mask
        """,
        "own ratio": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, (logprobs - old_logprobs).exp(), 0.0) * mask
        """,
        "nothing dropped": """
            return ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp() * mask
        """,
        "padding weighs": """
            product = ((logprobs - old_logprobs) * mask).sum(1, keepdim=True).exp()
            return torch.where(product <= cap, product, 0.0).expand(mask.shape)
        """,
    },
    "ex-beyond-ceiling": {
        "the clip alone": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps) | (advantages < 0) & (ratio < 1 - clip_eps)
            return torch.where(silent, 0.0, ratio)
        """,
        "no low side": """
            silent = (advantages > 0) & (ratio > 1 + clip_eps) | (advantages < 0) & (ratio > ceiling)
            return torch.where(silent, 0.0, ratio)
        """,
        "whatever the sign": """
            return torch.where((ratio > 1 + clip_eps) | (ratio < 1 - clip_eps), 0.0, ratio)
        """,
        "signs swapped": """
            silent = (advantages < 0) & (ratio > 1 + clip_eps)
            silent = silent | (advantages > 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(silent, 0.0, ratio)
        """,
        "the advantage in it": """
            good = (advantages > 0) & (ratio > 1 + clip_eps)
            bad = (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(good | bad, 0.0, ratio * advantages)
        """,
        "a mask": """
            good = (advantages > 0) & (ratio > 1 + clip_eps)
            bad = (advantages < 0) & ((ratio < 1 - clip_eps) | (ratio > ceiling))
            return torch.where(good | bad, 0.0, 1.0)
        """,
    },
}
