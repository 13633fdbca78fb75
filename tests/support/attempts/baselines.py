"""Answers to the exercises of the chapter about baselines."""

PAGE = "05_baselines"

RIGHT = {
    "ex-ppo-deltas": {
        "on paper": """
            surprises = 0.1, 0.2, 0.2
            credits = 0.25, 0.3, 0.2
        """,
        "lists": """
            surprises = [0.1, 0.2, 0.2]
            credits = [0.25, 0.3, 0.2]
        """,
        "sums left to Python": """
            surprises = 0.6 - 0.5, 0.8 - 0.6, 1 - 0.8
            credits = 0.1 + 0.5 * (0.2 + 0.5 * 0.2), 0.2 + 0.5 * 0.2, 0.2
        """,
        "tensors": """
            surprises = torch.tensor([0.1, 0.2, 0.2])
            credits = torch.tensor([0.25, 0.3, 0.2])
        """,
        "the book's gae": """
            rewards, values = torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[0.5, 0.6, 0.8]])
            surprises = gae(rewards, values, lam=0.0)[0][0]
            credits = gae(rewards, values, lam=0.5)[0][0]
        """,
        "NumPy": """
            import numpy as np

            v = np.array([0.5, 0.6, 0.8, 0.0])
            surprises = np.array([0, 0, 1]) + v[1:] - v[:-1]
            credits = np.array([[1, 0.5, 0.25], [0, 1, 0.5], [0, 0, 1]]) @ surprises
        """,
        "fractions": """
            from fractions import Fraction as F

            surprises = F(1, 10), F(1, 5), F(1, 5)
            credits = F(1, 4), F(3, 10), F(1, 5)
        """,
    },
    "ex-baselines-best": {
        "other names": """
            def best_baseline(p, r):
                scores = torch.eye(len(p), dtype=p.dtype) - p
                weight = p * scores.square().sum(1)
                return (weight / weight.sum()) @ r
        """,
        "a closed form": """
            length = 1 - 2 * probs + (probs**2).sum()
            return (probs * length * pay).sum() / (probs * length).sum()
        """,
        "a loop": """
            top = bottom = 0.0
            for y in range(len(probs)):
                score = -probs.clone()
                score[y] += 1
                size = (score**2).sum()
                top += probs[y] * size * pay[y]
                bottom += probs[y] * size
            return top / bottom
        """,
        "einsum": """
            scores = torch.eye(len(probs), dtype=probs.dtype) - probs
            top = torch.einsum("y,yv,yv,y->", probs, scores, scores, pay)
            return top / torch.einsum("y,yv,yv->", probs, scores, scores)
        """,
        "norms": """
            scores = one_hot(torch.arange(len(probs)), len(probs)) - probs
            size = scores.norm(dim=1) ** 2
            return torch.dot(probs * size, pay) / torch.dot(probs, size)
        """,
        "NumPy, a Python float": """
            import numpy as np

            p, r = np.array(probs.tolist()), np.array(pay.tolist())
            g = np.eye(len(p)) - p
            return float(np.average(r, weights=p * (g**2).sum(1)))
        """,
        "a tensor of one element": """
            scores = torch.eye(len(probs), dtype=probs.dtype) - probs
            weight = (probs * scores.pow(2).sum(-1))[None]
            return (weight * pay).sum(-1) / weight.sum(-1)
        """,
        "rows in float32": """
            scores = torch.eye(len(probs)) - probs
            weight = probs * (scores * scores).sum(1)
            return (weight * pay).sum() / weight.sum()
        """,
    },
    "ex-baselines-wrap": {
        "the knob by keyword only, with a default": """
            def mended_gae(rewards, values, *, lam=0.95):
                return gae(rewards, values, gamma=1.0, lam=lam)[0]
        """,
        "in float64": """
            return gae(rewards.double(), values.double(), gamma=1.0, lam=lam)[0]
        """,
        "the book's gae": "return gae(rewards, values, lam=lam)[0]",
        "the last value set to zero after the roll": """
            following = values.roll(-1, dims=1)
            following[:, -1] = 0.0
            surprise = rewards + following - values
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.insert(0, running)
            return torch.stack(advantages, 1)
        """,
        "padded": """
            following = torch.nn.functional.pad(values, (0, 1))[:, 1:]
            out = rewards + following - values
            for t in range(rewards.shape[1] - 2, -1, -1):
                out[:, t] += lam * out[:, t + 1]
            return out
        """,
        "a case of its own for the end": """
            T = rewards.shape[1]
            running = torch.zeros_like(rewards[:, 0])
            advantages = []
            for t in range(T - 1, -1, -1):
                after = values[:, t + 1] if t + 1 < T else 0.0
                running = rewards[:, t] + after - values[:, t] + lam * running
                advantages = [running] + advantages
            return torch.stack(advantages, dim=1)
        """,
        "a matrix of powers": """
            T = rewards.shape[1]
            surprise = rewards + torch.cat([values[:, 1:], 0 * values[:, :1]], 1) - values
            steps = torch.arange(T)
            power = (steps[None] - steps[:, None]).clamp(min=0)
            weight = (float(lam) ** power).triu().to(surprise.dtype)
            return surprise @ weight.T
        """,
        "NumPy": """
            import numpy as np

            r, v = rewards.numpy(), values.numpy()
            delta = r - v
            delta[:, :-1] += v[:, 1:]
            out = np.zeros_like(delta)
            running = 0
            for t in reversed(range(r.shape[1])):
                running = delta[:, t] + lam * running
                out[:, t] = running
            return torch.from_numpy(out)
        """,
        "lists": """
            rows = []
            for r, v in zip(rewards.tolist(), values.tolist()):
                following, out, running = v[1:] + [0.0], [], 0.0
                for t in reversed(range(len(r))):
                    running = r[t] + following[t] - v[t] + lam * running
                    out.insert(0, running)
                rows.append(out)
            return torch.tensor(rows)
        """,
        "in place on the rolled values": """
            following = values.roll(-1, dims=1)
            following[:, -1] = 0
            surprise = rewards + following - values
            for t in reversed(range(rewards.shape[1] - 1)):
                surprise[:, t] += lam * surprise[:, t + 1]
            return surprise
        """,
    },
    "ex-baselines-explained": {
        "biased both times": """
            error = returns - values
            return 1 - error.var(unbiased=False) / returns.var(unbiased=False)
        """,
        "sums of squares": """
            error = returns - values
            top = ((error - error.mean()) ** 2).sum()
            return 1 - top / ((returns - returns.mean()) ** 2).sum()
        """,
        "NumPy": """
            import numpy as np

            return 1 - np.var((returns - values).numpy()) / np.var(returns.numpy())
        """,
        "torch.var": "return 1.0 - torch.var(returns - values) / torch.var(returns)",
        "a Python float": "return (1 - (values - returns).std() ** 2 / returns.std() ** 2).item()",
        "flattened": """
            v, g = values.flatten(), returns.flatten()
            return 1 - torch.cov(g - v) / torch.cov(g)
        """,
        "the mean of squares minus the square of the mean": """
            def var(x):
                x = x.double()
                return (x * x).mean() - x.mean() ** 2

            return (var(returns) - var(returns - values)) / var(returns)
        """,
    },
    "ex-baselines-best: than_the_mean": {
        "as it is written": '"lower"',
        "in capitals": '"Lower"',
        "computed": """(
            "lower" if best_baseline(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([1.0, 0.0, 0.5])) < 0.6 else "higher")
        """,
    },
}

WRONG = {
    "ex-ppo-deltas": {
        "the sign: value minus next value": """
            surprises = -0.1, -0.2, -0.2
            credits = -0.25, -0.3, -0.2
        """,
        "the last value comes again": """
            surprises = 0.1, 0.2, 1.0
            credits = 0.45, 0.7, 1.0
        """,
        "the first value comes after the last": """
            surprises = 0.1, 0.2, 0.7
            credits = 0.375, 0.55, 0.7
        """,
        "the reward not counted": """
            surprises = 0.1, 0.2, -0.8
            credits = 0.0, -0.2, -0.8
        """,
        "the next value forgotten": """
            surprises = -0.5, -0.6, 0.2
            credits = -0.75, -0.5, 0.2
        """,
        "lambda 1 in place of 0.5": """
            surprises = 0.1, 0.2, 0.2
            credits = 0.5, 0.4, 0.2
        """,
        "the default lambda": """
            surprises = 0.1, 0.2, 0.2
            credits = 0.4705, 0.39, 0.2
        """,
        "half of the next surprise, not of the next advantage": """
            surprises = 0.1, 0.2, 0.2
            credits = 0.2, 0.3, 0.2
        """,
        "summed from the front": """
            surprises = 0.1, 0.2, 0.2
            credits = 0.1, 0.25, 0.325
        """,
        "the order turned round": """
            surprises = 0.2, 0.2, 0.1
            credits = 0.2, 0.3, 0.25
        """,
        "surprises given twice": """
            surprises = 0.1, 0.2, 0.2
            credits = 0.1, 0.2, 0.2
        """,
        "reward minus value": """
            surprises = -0.5, -0.6, 0.2
            credits = 0.5, 0.4, 0.2
        """,
        "the surprise itself is halved too": """
            surprises = 0.1, 0.2, 0.2
            credits = 0.125, 0.15, 0.1
        """,
    },
    "ex-baselines-best": {
        "the expected reward": "return probs @ pay",
        "a plain mean of the pay": "return pay.mean()",
        "length in place of squared length": """
            scores = torch.eye(len(probs), dtype=probs.dtype) - probs
            weight = probs * scores.norm(dim=1)
            return weight @ pay / weight.sum()
        """,
        "not weighed with the policy": """
            scores = torch.eye(len(probs), dtype=probs.dtype) - probs
            weight = scores.square().sum(1)
            return weight @ pay / weight.sum()
        """,
        "not weighed in the denominator": """
            scores = torch.eye(len(probs), dtype=probs.dtype) - probs
            size = scores.square().sum(1)
            return (probs * size) @ pay / size.sum()
        """,
        "not divided": """
            scores = torch.eye(len(probs), dtype=probs.dtype) - probs
            return (probs * scores.square().sum(1)) @ pay
        """,
        "the columns in place of the rows": """
            scores = torch.eye(len(probs), dtype=probs.dtype) - probs
            weight = probs * scores.square().sum(0)
            return weight @ pay / weight.sum()
        """,
        "only the token's own component": """
            weight = probs * (1 - probs) ** 2
            return weight @ pay / weight.sum()
        """,
        "one component: one minus the probability": """
            weight = probs * (1 - probs)
            return weight @ pay / weight.sum()
        """,
        "probabilities not subtracted": """
            scores = torch.eye(len(probs), dtype=probs.dtype)
            weight = probs * scores.square().sum(1)
            return weight @ pay / weight.sum()
        """,
        "the length of one vector for all": """
            weight = probs * (probs**2).sum()
            return weight @ pay / weight.sum()
        """,
        "the answer for the three tokens of the text": "return 0.4645",
        "a baseline for each component": """
            scores = torch.eye(len(probs), dtype=probs.dtype) - probs
            weight = probs[:, None] * scores.square()
            return (weight * pay[:, None]).sum(0) / weight.sum(0)
        """,
    },
    "ex-baselines-wrap": {
        "nothing mended": """
            surprise = rewards + values.roll(-1, dims=1) - values
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.insert(0, running)
            return torch.stack(advantages, 1)
        """,
        "the last value comes again": """
            following = torch.cat([values[:, 1:], values[:, -1:]], 1)
            surprise = rewards + following - values
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.insert(0, running)
            return torch.stack(advantages, 1)
        """,
        "rolled the other way": """
            following = torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], 1)
            surprise = rewards + following - values
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.insert(0, running)
            return torch.stack(advantages, 1)
        """,
        "the last reward lost with the last value": """
            surprise = rewards + values.roll(-1, dims=1) - values
            surprise[:, -1] = 0
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.insert(0, running)
            return torch.stack(advantages, 1)
        """,
        "the last value not subtracted": """
            surprise = rewards.clone()
            surprise[:, :-1] += values[:, 1:] - values[:, :-1]
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.insert(0, running)
            return torch.stack(advantages, 1)
        """,
        "next values all zero": """
            surprise = rewards - values
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.insert(0, running)
            return torch.stack(advantages, 1)
        """,
        "only the surprises": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            return rewards + following - values
        """,
        "lambda ignored": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            surprise = rewards + following - values
            return surprise.flip(1).cumsum(1).flip(1)
        """,
        "returned in reverse": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            surprise = rewards + following - values
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.append(running)
            return torch.stack(advantages, 1)
        """,
        "run from the front": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            surprise = rewards + following - values
            running, advantages = 0.0, []
            for t in range(rewards.shape[1]):
                running = surprise[:, t] + lam * running
                advantages.append(running)
            return torch.stack(advantages, 1)
        """,
        "lambda multiplies the surprise too": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            surprise = rewards + following - values
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = lam * (surprise[:, t] + running)
                advantages.insert(0, running)
            return torch.stack(advantages, 1)
        """,
        "the returns in place of the advantages": "return gae(rewards, values, lam=lam)[1]",
        "stacked along the batch": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            surprise = rewards + following - values
            running, advantages = 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                advantages.insert(0, running)
            return torch.stack(advantages, 0)
        """,
        "the last token's own value": """
            following = torch.cat([values[:, 1:], values[:, -1:]], 1)
            surprise, running, out = rewards + following - values, 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                out.insert(0, running)
            return torch.stack(out, 1)
        """,
        "the last advantage set to 0": """
            surprise, running, out = rewards + values.roll(-1, 1) - values, 0.0, []
            surprise[:, -1] = 0
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                out.insert(0, running)
            return torch.stack(out, 1)
        """,
        "the last reward alone": """
            surprise, running, out = rewards + values.roll(-1, 1) - values, 0.0, []
            surprise[:, -1] = rewards[:, -1]
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                out.insert(0, running)
            return torch.stack(out, 1)
        """,
        "shifted the other way": """
            following = torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], 1)
            surprise, running, out = rewards + following - values, 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                out.insert(0, running)
            return torch.stack(out, 1)
        """,
        "no lam": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            return rewards + following - values
        """,
        "returns": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            surprise, running, out = rewards + following - values, 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                out.insert(0, running)
            return torch.stack(out, 1) + values
        """,
        "lam on the next value": """
            following = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], 1)
            surprise, running, out = rewards + lam * following - values, 0.0, []
            for t in reversed(range(rewards.shape[1])):
                running = surprise[:, t] + lam * running
                out.insert(0, running)
            return torch.stack(out, 1)
        """,
        "without the last token": """
            surprise, running, out = rewards[:, :-1] + values[:, 1:] - values[:, :-1], 0.0, []
            for t in reversed(range(surprise.shape[1])):
                running = surprise[:, t] + lam * running
                out.insert(0, running)
            return torch.stack(out, 1)
        """,
    },
    "ex-baselines-explained": {
        "1 minus forgotten": "return (returns - values).var() / returns.var()",
        "divided by the variance of the values": "return 1 - (returns - values).var() / values.var()",
        "standard deviation for variance": "return 1 - (returns - values).std() / returns.std()",
        "mean square in place of the variance": """
            return 1 - (returns - values).square().mean() / returns.var()
        """,
        "mean squares both times": """
            return 1 - (returns - values).square().mean() / returns.square().mean()
        """,
        "R squared: the mean of the error is counted": """
            return 1 - ((returns - values) ** 2).sum() / ((returns - returns.mean()) ** 2).sum()
        """,
        "ratio of the variances": "return values.var() / returns.var()",
        "biased once": "return 1 - (returns - values).var(unbiased=False) / returns.var()",
        "per position": "return 1 - (returns - values).var(0) / returns.var(0)",
        "mean over completions": "return (1 - (returns - values).var(1) / returns.var(1)).mean()",
        "the squared correlation": """
            return torch.corrcoef(torch.stack([values.flatten(), returns.flatten()]))[0, 1] ** 2
        """,
        "clamped at zero": "return (1 - (returns - values).var() / returns.var()).clamp(min=0)",
        "in percent": "return 100 * (1 - (returns - values).var() / returns.var())",
        "upside down": "return 1 - returns.var() / (returns - values).var()",
    },
    "ex-baselines-best: than_the_mean": {
        "the likely token pulls it up": '"higher"',
        "the mean is best": '"equal"',
        "the baseline itself": "0.5323",
        "a yes": "True",
    },
}
