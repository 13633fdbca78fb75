"""Answers to the exercise of the page about the bookkeeping of KL."""

PAGE = "kl_bookkeeping"

RIGHT = {
    "ex-ppo-toll": {
        "the knob by keyword only": """
            def after_toll(rewards, logprobs, ref_logprobs, *, kl_coeff):
                return rewards - kl_coeff * (logprobs - ref_logprobs).detach()
        """,
        "in float64": """
            return rewards.double() - kl_coeff * (logprobs.double() - ref_logprobs.double()).detach()
        """,
        "by hand": """
            kl = (logprobs - ref_logprobs).detach()
            return rewards - kl_coeff * kl
        """,
        "the estimate by keyword": """
            kl = kl_estimate(logprobs.detach(), ref_logprobs.detach(), kind="k1")
            return rewards - kl_coeff * kl
        """,
        "no_grad": """
            with torch.no_grad():
                return rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1")
        """,
        "the result detached": """
            return (rewards - kl_coeff * (logprobs - ref_logprobs)).detach()
        """,
        "in place": """
            toll = kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1")
            toll.detach_()
            return rewards - toll
        """,
        "added with a minus": "return rewards + kl_coeff * (ref_logprobs - logprobs).detach()",
        "in place on a copy of the rewards": """
            paid = rewards.clone()
            paid -= kl_coeff * (logprobs - ref_logprobs).detach()
            return paid
        """,
        "torch.sub": "return torch.sub(rewards, (logprobs - ref_logprobs).detach(), alpha=kl_coeff)",
        "a loop": """
            out = rewards.clone()
            for i in range(out.shape[0]):
                for t in range(out.shape[1]):
                    out[i, t] -= kl_coeff * (logprobs[i, t].item() - ref_logprobs[i, t].item())
            return out
        """,
        "addcmul": "return torch.addcmul(rewards, torch.tensor(-kl_coeff), (logprobs - ref_logprobs).detach())",
        "log of a quotient": "return rewards - kl_coeff * (logprobs.detach().exp() / ref_logprobs.exp()).log()",
        "NumPy": """
            return torch.from_numpy(rewards.numpy() - kl_coeff * (logprobs.detach().numpy() - ref_logprobs.numpy()))
        """,
        "lerp of two": "return rewards + kl_coeff * (ref_logprobs - logprobs.detach())",
        "data": "return rewards - kl_coeff * logprobs.data + kl_coeff * ref_logprobs",
        "float64": """
            return rewards.double() - kl_coeff * kl_estimate(logprobs.detach().double(), ref_logprobs.double(), 'k1')
        """,
    },
}

WRONG = {
    "ex-ppo-toll": {
        "nothing mended": 'return rewards + kl_coeff * kl_estimate(logprobs, ref_logprobs, "k3")',
        "only the sign": 'return rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs, "k3")',
        "only the estimate": 'return rewards + kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1")',
        "only the detach": 'return rewards + kl_coeff * kl_estimate(logprobs, ref_logprobs, "k3").detach()',
        "detach forgotten": 'return rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1")',
        "k3 kept": 'return rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs, "k3").detach()',
        "k2": 'return rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs, "k2").detach()',
        "the sign kept": 'return rewards + kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1").detach()',
        "policy and reference swapped": """
            return rewards - kl_coeff * kl_estimate(ref_logprobs, logprobs, "k1").detach()
        """,
        "only the reference detached": """
            return rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs.detach(), "k1")
        """,
        "detach on the rewards": """
            return rewards.detach() - kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1")
        """,
        "a mean": 'return rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1").detach().mean()',
        "kl_coeff forgotten": 'return rewards - kl_estimate(logprobs, ref_logprobs, "k1").detach()',
        "the toll without the rewards": 'return -kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1").detach()',
        "both signs turned": """
            return -(rewards - kl_coeff * kl_estimate(logprobs, ref_logprobs, "k1").detach())
        """,
        "the absolute value": """
            return rewards - kl_coeff * (logprobs - ref_logprobs).detach().abs()
        """,
        "a sum over the completion": """
            kl = (logprobs - ref_logprobs).detach().sum(1, keepdim=True)
            return rewards - kl_coeff * kl
        """,
        "toll times reward": "return rewards * (1 - kl_coeff * (logprobs - ref_logprobs).detach())",
        "cumulated": "return rewards - kl_coeff * (logprobs - ref_logprobs).detach().cumsum(-1)",
        "total at each": "return rewards - kl_coeff * (logprobs - ref_logprobs).detach().sum(-1, keepdim=True)",
        "ratio": "return rewards - kl_coeff * (logprobs - ref_logprobs).detach().exp()",
        "ratio minus 1": "return rewards - kl_coeff * ((logprobs - ref_logprobs).detach().exp() - 1)",
        "policy's logs alone": "return rewards - kl_coeff * logprobs.detach()",
        "squared": "return rewards - kl_coeff * (logprobs - ref_logprobs).detach() ** 2",
        "divided by kl_coeff": "return rewards - (logprobs - ref_logprobs).detach() / kl_coeff",
        "clipped": "return (rewards - kl_coeff * (logprobs - ref_logprobs).detach()).clamp(-1, 1)",
        "a scalar": "return (rewards - kl_coeff * (logprobs - ref_logprobs).detach()).sum()",
        "k3 of the other order": "return rewards - kl_coeff * kl_estimate(ref_logprobs, logprobs, 'k3').detach()",
        "detach, k3, sign kept": "return rewards + kl_coeff * kl_estimate(logprobs, ref_logprobs, 'k3').detach()",
        "right, detach forgotten": "return rewards - kl_coeff * (logprobs - ref_logprobs)",
    },
}
