"""Answers to the exercises of the chapter about PPO."""

PAGE = "04_ppo"

RIGHT = {
    "ex-ppo-price": {
        "in bfloat16": """
            price = torch.tensor(0.2276, dtype=torch.bfloat16)
        """,
        "two digits": "0.23",
        "four digits": "0.2276",
        "with math": "1 / math.log(81)",
        "another formula": "1 / (math.log(0.9) + math.log(90))",
        "NumPy": """
            import numpy as np

            price = 1 / np.log(np.float32(81))
        """,
        "scalar tensor": "1 / torch.tensor(81.0).log()",
        "a tensor of one element": "torch.tensor([81.0], dtype=float64).log().reciprocal()",
        "bisection": """
            low, high = 0.1, 1.0
            for _ in range(60):
                price = (low + high) / 2
                x = math.exp(1 / price)
                if x / (x + 9) > 0.9:
                    low = price
                else:
                    high = price
        """,
        "a fraction": """
            from fractions import Fraction

            price = Fraction(228, 1000)
        """,
    },
    "ex-ppo-min": {
        "the knob by keyword only": """
            def repaired(ratio, advantages, *, clip_eps=0.2):
                clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
                return torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "in float64": """
            ratio, advantages = ratio.double(), advantages.double()
            return torch.minimum(ratio * advantages, ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages)
        """,
        "torch.min": """
            clipped = torch.clamp(ratio, 1 - clip_eps, 1 + clip_eps)
            return torch.min(ratio * advantages, clipped * advantages)
        """,
        "where": """
            low = torch.where(ratio < 1 - clip_eps, (1 - clip_eps) * torch.ones_like(ratio), ratio)
            high = torch.where(ratio > 1 + clip_eps, (1 + clip_eps) * torch.ones_like(ratio), ratio)
            return torch.where(advantages > 0, high * advantages, low * advantages)
        """,
        "the book's own function": """
            from rlhf_helpers import clipped_surrogate

            return clipped_surrogate(ratio, advantages, clip_eps=clip_eps)
        """,
        "one-sided clamps": """
            good = ratio.clamp(max=1 + clip_eps) * advantages.clamp(min=0)
            bad = ratio.clamp(min=1 - clip_eps) * advantages.clamp(max=0)
            return good + bad
        """,
        "a stack": """
            both = torch.stack([ratio, ratio.clip(1 - clip_eps, 1 + clip_eps)]) * advantages
            return both.min(dim=0).values
        """,
        "maximum of the losses": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            return -torch.maximum(-ratio * advantages, -clipped * advantages)
        """,
        "stack and min": """
            return torch.stack([ratio * advantages, ratio.clip(1 - clip_eps, 1 + clip_eps) * advantages]).min(0).values
        """,
        "by the sign": """
            raised, lowered = ratio.clamp(max=1 + clip_eps), ratio.clamp(min=1 - clip_eps)
            return torch.where(advantages >= 0, raised, lowered) * advantages
        """,
        "minus the maximum of minuses, in float64": """
            r, a = ratio.double(), advantages.double()
            return -torch.maximum(-r * a, -r.clamp(1 - clip_eps, 1 + clip_eps) * a)
        """,
        "the advantage moved by its size": """
            limit = advantages + clip_eps * advantages.abs()
            return torch.where(ratio * advantages < limit, ratio * advantages, limit)
        """,
        "by index, on a copy": """
            ratio = ratio.clone()
            ratio[(advantages > 0) & (ratio > 1 + clip_eps)] = 1 + clip_eps
            ratio[(advantages < 0) & (ratio < 1 - clip_eps)] = 1 - clip_eps
            return ratio.mul_(advantages)
        """,
    },
    "ex-ppo-two": {
        "the knob by keyword only": """
            def optimum(reference, pay, *, kl_coeff):
                return (reference.log() + pay / kl_coeff).softmax(-1)
        """,
        "in float64": """
            tilted = reference.double() * (pay.double() / kl_coeff).exp()
            return tilted / tilted.sum()
        """,
        "a softmax": "return (reference.log() + pay / kl_coeff).softmax(-1)",
        "a sum by hand": """
            weight = reference * torch.exp(pay / kl_coeff)
            z = sum(weight)
            return weight / z
        """,
        "the library's distribution": """
            return torch.distributions.Categorical(logits=reference.log() + pay / kl_coeff).probs
        """,
        "NumPy": """
            import numpy as np

            x = np.log(reference.numpy()) + pay.numpy() / kl_coeff
            x = np.exp(x - x.max())
            return x / x.sum()
        """,
        "the largest pay taken out": """
            tilted = reference * ((pay - pay.max()) / kl_coeff).exp()
            return tilted / tilted.sum(-1, keepdim=True)
        """,
        "lists": """
            weights = [p * math.exp(r / kl_coeff) for p, r in zip(reference.tolist(), pay.tolist())]
            return torch.tensor([w / sum(weights) for w in weights])
        """,
        "logsumexp": """
            log_tilted = reference.log() + pay / kl_coeff
            return torch.exp(log_tilted - torch.logsumexp(log_tilted, 0))
        """,
        "einsum": """
            tilted = reference * (pay / kl_coeff).exp()
            return tilted / torch.einsum("v,v->", reference, (pay / kl_coeff).exp())
        """,
    },
    "ex-ppo-controller": {
        "a helper of its own": """
            def clip(x, low, high):
                return max(low, min(x, high))


            def adapt(kl_coeff, kl, target, n, horizon):
                return kl_coeff * (1 + clip(kl / target - 1, -0.2, 0.2) * n / horizon)
        """,
        "numbers of Python": """
            error = max(-0.2, min(0.2, kl / target - 1))
            return kl_coeff * (1 + error * n / horizon)
        """,
        "if and else": """
            error = kl / target - 1
            if error > 0.2:
                error = 0.2
            elif error < -0.2:
                error = -0.2
            return kl_coeff + kl_coeff * error * n / horizon
        """,
        "a tensor": """
            error = (torch.as_tensor(kl) / target - 1).clamp(-0.2, 0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "float64": """
            error = torch.clamp(torch.tensor(kl / target - 1, dtype=float64), min=-0.2, max=0.2)
            return (kl_coeff * (1 + error * (n / horizon))).item()
        """,
        "NumPy": """
            import numpy as np

            error = np.clip((kl - target) / target, -0.2, 0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "clipped ratio": "return kl_coeff * (1 + (sorted((0.8, kl / target, 1.2))[1] - 1) * n / horizon)",
    },
    "ex-ppo-two: factor": {
        "e": "math.e",
        "two digits": "2.7",
        "from a calculator": "2.71828",
        "the exponential": "torch.tensor((1 - 0.5) / 0.5).exp()",
        "from the optimum": "(lambda p: p[1] / p[2])((torch.tensor([0, 1, 0.5]) / 0.5).softmax(0))",
    },
    "ex-ppo-min: helpless": {
        "as it is written": '"back"',
        "with a capital": '"Back"',
        "with a space": '"back "',
    },
}

WRONG = {
    "ex-ppo-price": {
        "the inverse: 1 over beta": "math.log(81)",
        "log in base 10": "1 / math.log10(81)",
        "log in base 2": "1 / math.log2(81)",
        "one of the guesses": "0.2",
        "the other guess": "0.5",
        "the nine others forgotten": "1 / math.log(9)",
        "nine tenths read as the weight": "1 / math.log(0.9 * 10)",
        "ten in place of nine others": "1 / math.log(90)",
        "sign": "-1 / math.log(81)",
        "1 over 81": "1 / 81",
        "in percent": "22.76",
    },
    "ex-ppo-min": {
        "nothing repaired": "return ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages",
        "maximum": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            return torch.maximum(ratio * advantages, clipped * advantages)
        """,
        "minimum of the ratios, before the advantage": """
            return torch.minimum(ratio, ratio.clamp(1 - clip_eps, 1 + clip_eps)) * advantages
        """,
        "the sign of a loss": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            return -torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "averaged": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            return torch.minimum(ratio * advantages, clipped * advantages).mean()
        """,
        "clip removed": "return ratio * advantages",
        "only the upper limit": """
            return torch.minimum(ratio * advantages, ratio.clamp(max=1 + clip_eps) * advantages)
        """,
        "clip_eps at its default": """
            return torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
        """,
        "the product clipped": """
            product = ratio * advantages
            return torch.minimum(product, product.clamp(1 - clip_eps, 1 + clip_eps))
        """,
        "the range around zero": """
            clipped = ratio.clamp(-clip_eps, clip_eps)
            return torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "advantage on one side only": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            return torch.minimum(ratio * advantages, clipped)
        """,
        "the clipped ratio detached": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps).detach()
            return torch.minimum(ratio * advantages, clipped * advantages)
        """,
        "a dual clip at 10": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return torch.where(advantages < 0, torch.maximum(least, 10 * advantages), least)
        """,
        "straight through": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            return (ratio + (clipped - ratio).detach()) * advantages
        """,
        "the right value, an unclipped gradient": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return ratio * advantages + (least - ratio * advantages).detach()
        """,
        "a dual clip at 100": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return torch.where(advantages < 0, torch.maximum(least, 100 * advantages), least)
        """,
        "zero outside": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return torch.where(least == ratio * advantages, least, 0.0)
        """,
        "the average": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return (ratio + clipped) / 2 * advantages
        """,
        "detached": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return least.detach()
        """,
        "the sign of the advantage lost": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return torch.minimum(ratio, clipped) * advantages.abs()
        """,
        "half the gradient": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return torch.minimum(ratio * advantages, clipped.detach() * advantages)
        """,
        "no advantage at the clip": """
            clipped = ratio.clamp(1 - clip_eps, 1 + clip_eps)
            least = torch.minimum(ratio * advantages, clipped * advantages)
            return torch.minimum(ratio * advantages, clipped)
        """,
        "lower limit 1 / (1 + clip_eps)": """
            return torch.minimum(ratio * advantages, ratio.clamp(1 / (1 + clip_eps), 1 + clip_eps) * advantages)
        """,
    },
    "ex-ppo-two": {
        "not normalized": "return reference * (pay / kl_coeff).exp()",
        "multiplied by the price": """
            tilted = reference * (pay * kl_coeff).exp()
            return tilted / tilted.sum()
        """,
        "reference forgotten": "return (pay / kl_coeff).softmax(-1)",
        "price forgotten": """
            tilted = reference * pay.exp()
            return tilted / tilted.sum()
        """,
        "sign": """
            tilted = reference * (-pay / kl_coeff).exp()
            return tilted / tilted.sum()
        """,
        "log-probabilities": "return (reference.log() + pay / kl_coeff).log_softmax(-1)",
        "reference added, not multiplied": "return (reference + pay / kl_coeff).softmax(-1)",
        "softmax of probabilities and pay": "return (reference * pay / kl_coeff).softmax(-1)",
        "reference divided by the price too": "return ((reference.log() + pay) / kl_coeff).softmax(-1)",
        "exp forgotten": """
            tilted = reference * pay / kl_coeff
            return tilted / tilted.sum()
        """,
        "reference normalized with the weight outside": """
            weight = (pay / kl_coeff).exp()
            return reference * weight / weight.sum()
        """,
        "all on the best token": """
            best = torch.zeros_like(reference)
            best[pay.argmax()] = 1.0
            return best
        """,
    },
    "ex-ppo-controller": {
        "clip forgotten": "return kl_coeff * (1 + (kl / target - 1) * n / horizon)",
        "only the upper limit": """
            error = min(kl / target - 1, 0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "only the lower limit": """
            error = max(kl / target - 1, -0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "target over KL": """
            error = min(max(target / kl - 1, -0.2), 0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "sign of the error": """
            error = min(max(1 - kl / target, -0.2), 0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "1 not subtracted before the clip": """
            error = min(max(kl / target, -0.2), 0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "difference in place of the quotient": """
            error = min(max(kl - target, -0.2), 0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "n over horizon forgotten": """
            error = min(max(kl / target - 1, -0.2), 0.2)
            return kl_coeff * (1 + error)
        """,
        "horizon over n": """
            error = min(max(kl / target - 1, -0.2), 0.2)
            return kl_coeff * (1 + error * horizon / n)
        """,
        "only the change is returned": """
            error = min(max(kl / target - 1, -0.2), 0.2)
            return kl_coeff * error * n / horizon
        """,
        "added, not multiplied": """
            error = min(max(kl / target - 1, -0.2), 0.2)
            return kl_coeff + error * n / horizon
        """,
        "the numbers of the example": "return 0.151536",
        "min and max swapped": """
            error = max(min(kl / target - 1, -0.2), 0.2)
            return kl_coeff * (1 + error * n / horizon)
        """,
        "clip of the whole change": """
            change = min(max((kl / target - 1) * n / horizon, -0.2), 0.2)
            return kl_coeff * (1 + change)
        """,
        "the whole change clipped": "return kl_coeff * (1 + max(min((kl / target - 1) * n / horizon, 0.2), -0.2))",
    },
    "ex-ppo-two: factor": {
        "the ratio of the payments": "2",
        "the price forgotten": "math.exp(0.5)",
        "multiplied by the price": "math.exp(0.5 * 0.5)",
        "against a token that is paid nothing": "math.exp(2)",
        "the exponent": "1",
        "the difference": "0.5",
        "upside down": "1 / math.e",
        "the difference of the probabilities": "0.2",
        "the log of the ratio of payments": "math.log(2)",
        "in percent": "271.8",
    },
    "ex-ppo-min: helpless": {
        "the gradient is off on both sides": '"both"',
        "the wrong one of the two": '"further"',
        "their ratio": "0.5",
        "a list of the two": '["back", "further"]',
    },
}
