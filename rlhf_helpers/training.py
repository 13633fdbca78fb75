"""One training loop for every method."""

import copy
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from rlhf_helpers._checks import check_choice, check_count, check_knob, check_same_shape
from rlhf_helpers.policy import TinyCritic, TinyPolicy
from rlhf_helpers.rewards import token_reward
from rlhf_helpers.sampling import Policy, next_token_logprobs, sample_with, token_logprobs


class Models(NamedTuple):
    """What is trained: a policy, and a critic where the method uses one."""

    policy: Policy  # ids (B, L) -> logits (B, L, V)
    critic: Policy | None = None  # ids (B, L) -> values (B, L)


class Rollout(NamedTuple):
    """One batch of experience; everything in it is a constant for the loss."""

    prompt_ids: Tensor  # (B, 1)
    completion_ids: Tensor  # (B, T)
    old_logprobs: Tensor  # (B, T), under the policy that sampled
    ref_logprobs: Tensor  # (B, T), under the frozen reference
    rewards: Tensor  # (B, T)
    values: Tensor | None  # (B, T), the critic's, before each token


Method = Callable[..., tuple[Tensor, dict[str, Tensor]]]  # (models, rollout, *, kl_coeff, ...) -> (loss, series)


@dataclass(frozen=True)
class History:
    """What a run leaves behind: its series, and the trained models.

    Every series has one value for each update, measured *before* it: index 0 is the untrained policy.

    ========== ======================================================================================= =======
    series     meaning                                                                                 unit
    ========== ======================================================================================= =======
    reward     mean of the rewards of the current batch                                                reward per token
    kl         mean over the batch's positions of KL(policy || reference) of the whole next-token
               distribution                                                                            nats per token
    entropy    mean over the batch's positions of the entropy of the next-token distribution           nats per token
    loss       the number that was minimized                                                           the method's
    ratio      mean of exp(logprobs - old_logprobs)                                                    none
    clip_share share of the batch's tokens with a ratio outside 1 - clip_eps ... 1 + clip_eps          none
    ========== ======================================================================================= =======

    Where a run learns from the reference's samples (``sample_from="reference"``), all but the loss are measured on
    completions drawn from the policy with the same random numbers. A method may add its own series (``margin`` of
    :func:`dpo`, ...); its docstring defines them.

    Args:
        series: name -> (steps,) tensor.
        models: the trained policy and critic.
        reference: the frozen policy that KL was measured against.
    """

    series: dict[str, Tensor]
    models: Models
    reference: Policy

    def __getitem__(self, name: str) -> Tensor:
        """Return the series called ``name``, (steps,)."""
        if name not in self.series:
            raise KeyError(f"no series called {name!r}; this run has {', '.join(self.series)}")
        return self.series[name]

    @property
    def policy(self) -> Policy:
        """The trained policy."""
        return self.models.policy


def collect(
    models: Models,
    reference: Policy,
    uniforms: Tensor,
    *,
    reward: Callable[[Tensor], Tensor] = token_reward,
    sample_from: str = "policy",
) -> Rollout:
    """Sample a batch and note down everything a loss may want to know about it.

    Args:
        models: the policy, and perhaps a critic.
        reference: the frozen policy.
        uniforms: random numbers in [0, 1), (B, T): one completion for each row.
        reward: completion_ids (B, T) -> rewards (B, T).
        sample_from: "policy", or "reference" for a method that learns from a fixed source.

    Returns:
        A :class:`Rollout` without gradients. Every completion starts after token 0.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes (a reward that does not return one number for each token), or an unknown
            ``sample_from``.

    Example:
        >>> policy = TinyPolicy(generator=torch.Generator().manual_seed(0))
        >>> uniforms = torch.full((2, 3), 0.5)
        >>> collect(Models(policy), policy, uniforms).completion_ids.shape
        torch.Size([2, 3])
    """
    check_choice("sample_from", sample_from, ("policy", "reference"))
    sampler = models.policy if sample_from == "policy" else reference
    prompt_ids = torch.zeros(uniforms.shape[0], 1, dtype=torch.int64)
    completion_ids = sample_with(sampler, prompt_ids, uniforms)
    with torch.no_grad():
        old_logprobs = token_logprobs(sampler, prompt_ids, completion_ids)
        ref_logprobs = token_logprobs(reference, prompt_ids, completion_ids)
        values = None if models.critic is None else state_values(models.critic, prompt_ids, completion_ids)
    rewards = reward(completion_ids).to(old_logprobs.dtype)
    check_same_shape(rewards=rewards, completion_logprobs=old_logprobs)
    return Rollout(prompt_ids, completion_ids, old_logprobs, ref_logprobs, rewards, values)


def state_values(critic: Policy, prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    """Return the critic's value before every completion token, (B, T). Gradients flow into it."""
    ids = torch.cat([prompt_ids, completion_ids], dim=1)
    return critic(ids[:, :-1])[:, prompt_ids.shape[1] - 1 :]


@torch.no_grad()
def measure(models: Models, reference: Policy, rollout: Rollout, *, clip_eps: float = 0.2) -> dict[str, Tensor]:
    """Return reward, kl, entropy, ratio and clip_share of the policy on a batch, as ``History`` defines them."""
    logprobs = next_token_logprobs(models.policy, rollout.prompt_ids, rollout.completion_ids)  # (B, T, V)
    ref_logprobs = next_token_logprobs(reference, rollout.prompt_ids, rollout.completion_ids)
    taken = logprobs.gather(-1, rollout.completion_ids[..., None])[..., 0]
    ratio = (taken - rollout.old_logprobs).exp()
    probs = logprobs.exp()
    gap = torch.where(probs > 0, logprobs - ref_logprobs, 0.0)  # a probability of zero adds nothing
    return {
        "reward": rollout.rewards.mean(),
        "kl": (probs * gap).sum(-1).mean(),
        "entropy": -(probs * torch.where(probs > 0, logprobs, 0.0)).sum(-1).mean(),
        "ratio": ratio.mean(),
        "clip_share": ((ratio - 1).abs() > clip_eps).to(ratio.dtype).mean(),
    }


def train(
    method: Method,
    *,
    steps: int,
    learning_rate: float,
    kl_coeff: float,
    seed: int,
    batch_size: int = 32,
    completion_length: int = 8,
    epochs: int = 1,
    sample_from: str = "policy",
    critic: bool = False,
    policy: nn.Module | None = None,
    reward: Callable[[Tensor], Tensor] = token_reward,
    **knobs: float,
) -> History:
    r"""Train a tiny policy with any method and return what happened.

    .. math:: \theta \leftarrow \operatorname{Adam}\bigl(\theta, \nabla_\theta L(\theta)\bigr)

    Sample a batch, take ``epochs`` gradient steps on it, sample again. The reference is a frozen copy of the policy
    as it was at the start. Everything is computed in float64, so that a seed gives the same curve on every machine. A
    progress bar appears on runs of over two seconds.

    Args:
        method: ``(models, rollout, kl_coeff=..., **knobs) -> (loss, series)``; see ``rlhf_helpers.methods``.
        steps: number of gradient steps.
        learning_rate: Adam's.
        kl_coeff: the pull toward the reference; each method says what it does with it.
        seed: of the initial weights and of all sampling.
        batch_size: completions B in a batch.
        completion_length: tokens T in a completion.
        epochs: gradient steps taken on each batch.
        sample_from: "policy" (on-policy), or "reference" (a fixed source, as in DPO).
            With "reference", KL in the reward (:func:`rloo`, :func:`spo`, and :func:`ppo` with ``kl_in="reward"``) is
            0 and there is no pull, see :func:`shaped_rewards`.
        critic: train a :class:`TinyCritic` along, for methods that use values.
        policy: where to start; a copy is trained. A fresh :class:`TinyPolicy` when left out.
        reward: completion_ids (B, T) -> rewards (B, T).
        **knobs: the method's own (``clip_eps``, ``group_size``, ...).

    Returns:
        A :class:`History` with one value of every series for each step.

    Raises:
        TypeError: a knob the method does not have, wrong types.
        ValueError: counts below 1, knobs out of range, or a run whose policy or loss is no longer finite.

    Example:
        >>> from rlhf_helpers import baby_ppo
        >>> history = train(
        ...     baby_ppo, steps=60, learning_rate=0.05, kl_coeff=0.1, seed=0
        ... )
        >>> bool(history["reward"][-1] > history["reward"][0])
        True
    """
    check_count(steps=steps, batch_size=batch_size, completion_length=completion_length, epochs=epochs)
    check_knob(learning_rate=learning_rate, kl_coeff=kl_coeff)
    generator = torch.Generator().manual_seed(seed)
    policy = copy.deepcopy(policy) if policy is not None else TinyPolicy(generator=generator)
    reference = copy.deepcopy(policy.double()).requires_grad_(False)
    models = Models(policy, TinyCritic(max_length=completion_length).double() if critic else None)
    parameters = [p for model in models if model is not None for p in model.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    clip_eps = knobs.get("clip_eps", 0.2)

    rows = []
    quiet = bool(os.environ.get("TQDM_DISABLE"))  # tqdm's notebook bar does not look at it
    for step in tqdm(range(steps), desc=getattr(method, "__name__", "training"), delay=2, leave=False, disable=quiet):
        if step % epochs == 0:
            uniforms = torch.rand(batch_size, completion_length, generator=generator, dtype=torch.float64)
            rollout = collect(models, reference, uniforms, reward=reward, sample_from=sample_from)
        seen = rollout if sample_from == "policy" else collect(models, reference, uniforms, reward=reward)
        measured = measure(models, reference, seen, clip_eps=clip_eps)
        if not torch.isfinite(measured["kl"]):
            raise ValueError(f"the policy has diverged at step {step}: lower learning_rate={learning_rate}")
        loss, series = method(models, rollout, kl_coeff=kl_coeff, **knobs)
        if not torch.isfinite(loss):
            raise ValueError(f"the loss is {loss.item()} at step {step}: lower learning_rate={learning_rate}")
        rows.append({**measured, "loss": loss.detach(), **series})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    series = {name: torch.stack([row[name].detach() for row in rows]) for name in rows[0]}
    return History(series, models, reference)
