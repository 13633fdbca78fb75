"""One training loop for every method."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rlhf_helpers._checks import check_count, check_ids, check_knob
from rlhf_helpers._progress import progress
from rlhf_helpers.policy import TinyCritic, TinyPolicy
from rlhf_helpers.rewards import token_reward
from rlhf_helpers.rollout import Models, collect, measure
from rlhf_helpers.sampling import Policy, next_token_logprobs

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

    Where completions end by themselves (``end_id``), only tokens up to the end count, and there are three more:
    ``score`` (mean reward of a completion), ``completion_kl`` (mean of the sum of the ``kl`` over a completion, nats)
    and ``length`` (mean number of tokens, the end included).

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


def draw_prompts(prompt_ids: Tensor, batch_size: int, repeats: int, generator: torch.Generator) -> Tensor:
    """Return prompts (B, P) drawn from (N, P), each ``repeats`` times in neighboring rows."""
    check_ids("prompt_ids", prompt_ids)
    picked = torch.randint(len(prompt_ids), (batch_size // repeats,), generator=generator)
    return prompt_ids[picked].repeat_interleave(repeats, 0)


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
    critic: bool | nn.Module = False,
    policy: nn.Module | None = None,
    prompt_ids: Tensor | None = None,
    completions_per_prompt: int = 8,
    end_id: int | None = None,
    reward: Callable[..., Tensor] = token_reward,
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
        critic: train a :class:`TinyCritic` along, for methods that use values; or a copy of a critic of your own.
        policy: where to start; a copy is trained. A fresh :class:`TinyPolicy` when left out.
        prompt_ids: prompts to draw from, (N, P); every completion starts after token 0 when left out.
        completions_per_prompt: so many rows of a batch, one after the other, go on from one of ``prompt_ids``: a
            group, or its pairs. Must divide the batch size.
        end_id: the token that ends a completion, see :func:`collect`.
        reward: completion_ids (B, T) -> rewards (B, T), or one for each completion, see :func:`collect`.
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
    check_count(completions_per_prompt=completions_per_prompt)
    check_knob(learning_rate=learning_rate, kl_coeff=kl_coeff)
    if prompt_ids is not None and batch_size % completions_per_prompt:
        raise ValueError(
            f"completions_per_prompt must divide the batch size {batch_size}, got {completions_per_prompt}"
        )
    generator = torch.Generator().manual_seed(seed)
    policy = copy.deepcopy(policy) if policy is not None else TinyPolicy(generator=generator)
    reference = copy.deepcopy(policy.double()).requires_grad_(False)
    if isinstance(critic, bool):
        critic = TinyCritic(max_length=completion_length) if critic else None
    models = Models(policy, None if critic is None else copy.deepcopy(critic).double())
    parameters = [p for model in models if model is not None for p in model.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)
    clip_eps = knobs.get("clip_eps", 0.2)

    rows = []
    for step in progress(steps, getattr(method, "__name__", "training")):
        if step % epochs == 0:
            prompts = prompt_ids
            if prompt_ids is not None:
                prompts = draw_prompts(prompt_ids, batch_size, completions_per_prompt, generator)
            uniforms = torch.rand(batch_size, completion_length, generator=generator, dtype=torch.float64)
            task = dict(prompt_ids=prompts, end_id=end_id, reward=reward)
            rollout = collect(models, reference, uniforms, sample_from=sample_from, **task)
        seen = rollout if sample_from == "policy" else collect(models, reference, uniforms, **task)
        moved = sample_from == "policy" and step % epochs  # since it sampled
        logprobs = next_token_logprobs(models.policy, seen.prompt_ids, seen.completion_ids) if moved else None
        measured = measure(seen, logprobs, clip_eps=clip_eps)
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
