"""One training loop for every method."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from rlhf_helpers._checks import check_count, check_ids, check_knob, check_whole, values_are_known
from rlhf_helpers._progress import progress
from rlhf_helpers._threads import one_thread
from rlhf_helpers.policy import TinyCritic, TinyPolicy
from rlhf_helpers.rewards import Reward, paid_token
from rlhf_helpers.rollout import Models, Rollout, collect
from rlhf_helpers.sampling import Policy, device_of, draw
from rlhf_helpers.series import measure

Method = Callable[..., tuple[Tensor, dict[str, Tensor]]]  # (models, rollout, *, kl_coeff, ...) -> (loss, series)


@dataclass(frozen=True)
class History:
    """What a run leaves behind: its series, and the trained models.

    Every series has one value for each update that was measured, from *before* it: index 0 is the untrained policy.
    Every run has those of :func:`measure` and ``loss``, the number that was minimized, in the method's own unit. A
    method adds its own, measured on the batch that it learned from; its docstring defines them.

    Where a run learns from the reference's samples (``sample_from="reference"``), those of :func:`measure` are of
    completions drawn from the policy with the same random numbers.

    Args:
        series: name -> (steps,) tensor, or shorter with ``measure_every``.
        models: the trained policy and critic.
        reference: the frozen policy that KL was measured against.
    """

    series: dict[str, Tensor]
    models: Models
    reference: Policy

    def __getitem__(self, name: str) -> Tensor:
        """Return the series called ``name``."""
        if name not in self.series:
            raise KeyError(f"no series called {name!r}; this run has {', '.join(self.series)}")
        return self.series[name]

    @property
    def policy(self) -> Policy:
        """The trained policy."""
        return self.models.policy


def check_parts(method: object, reward: object, policy: object, critic: object) -> None:
    """Raise TypeError unless each is what ``train`` can use."""
    for name, function in (("method", method), ("reward", reward)):
        if not callable(function):
            raise TypeError(f"{name} must be a function, got {type(function).__name__}")
    if not (policy is None or isinstance(policy, nn.Module)):
        raise TypeError(f"policy must be a torch.nn.Module, got {type(policy).__name__}")
    if not isinstance(critic, bool | nn.Module):
        raise TypeError(f"critic must be True, False or a torch.nn.Module, got {type(critic).__name__}")


def outcome(found: object) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what a method gave; raise unless it is a loss of one number, and tensors by name."""
    if not isinstance(found, tuple | list):
        raise TypeError(f"method must return (loss, series), got {type(found).__name__}")
    if len(found) != 2 or not isinstance(found[1], Mapping):
        kinds = ", ".join(type(part).__name__ for part in found)
        raise TypeError(f"method must return (loss, series), got ({kinds})")
    loss, series = found
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        what = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise TypeError(f"method must return a loss of one number, got {what}")
    for name, x in series.items():
        if not isinstance(x, Tensor):
            raise TypeError(f"method must return series of tensors, got {type(x).__name__} for {name!r}")
    return loss.reshape(()), series  # a knob with one entry may have given it a dimension


def seeded(seed: int) -> torch.Generator:
    """Return a generator at its start; every whole number is a seed."""
    check_whole(seed=seed)
    return torch.Generator().manual_seed(int(seed))


def draw_prompts(prompt_ids: Tensor, batch_size: int, repeats: int, generator: torch.Generator) -> Tensor:
    """Return prompts (B, P) drawn from (N, P), each ``repeats`` times in neighboring rows."""
    picked = draw(torch.randint, len(prompt_ids), (batch_size // repeats,), generator=generator)
    return prompt_ids.index_select(0, picked.repeat_interleave(repeats).to(prompt_ids.device))


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
    reward: Reward = paid_token,
    measure_every: int = 1,
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
        completions_per_prompt: this many rows of a batch, one after the other, go on from one of ``prompt_ids``: a
            group, or its pairs. Must divide the batch size.
        end_id: the token that ends a completion, see :func:`collect`.
        reward: (prompt_ids, completion_ids) -> rewards (B, T), or one for each completion, see :func:`collect`. When
            left out, :func:`token_reward` of the completions.
        measure_every: record the series of every n-th update only. The run is the same, and faster: a tenth of its time
            goes into measuring, and a third with ``sample_from="reference"``, where the policy writes only for that.
        **knobs: the method's own (``clip_eps``, ``group_size``, ...).

    Returns:
        A :class:`History` with one value of every series for each step that is measured.

    Raises:
        TypeError: a knob the method does not have, wrong types, a method that returns anything but ``(loss, series)``.
        ValueError: counts below 1, knobs out of range, nothing to train, a policy or loss that is no longer finite.

    Example:
        >>> from rlhf_helpers import baby_ppo
        >>> history = train(
        ...     baby_ppo, steps=60, learning_rate=0.05, kl_coeff=0.1, seed=0
        ... )
        >>> bool(history["reward"][-1] > history["reward"][0])
        True
    """
    check_parts(method, reward, policy, critic)
    check_count(steps=steps, batch_size=batch_size, completion_length=completion_length, epochs=epochs)
    check_count(completions_per_prompt=completions_per_prompt, measure_every=measure_every)
    check_knob(learning_rate=learning_rate, kl_coeff=kl_coeff)
    prompt_length = 1
    if prompt_ids is not None:
        check_ids("prompt_ids", prompt_ids)
        prompt_length = prompt_ids.shape[1]
        if batch_size % completions_per_prompt:
            raise ValueError(
                f"completions_per_prompt must divide the batch size {batch_size}, got {completions_per_prompt}"
            )
    generator = seeded(seed)
    policy = TinyPolicy(generator=generator) if policy is None else copy.deepcopy(policy)
    policy = policy.double()
    reference = copy.deepcopy(policy).requires_grad_(False)
    device = device_of(policy)
    if isinstance(critic, bool):
        critic = TinyCritic(max_length=prompt_length + completion_length - 1) if critic else None
    models = Models(policy, None if critic is None else copy.deepcopy(critic).to(device, torch.float64))
    parameters = [p for model in models if model is not None for p in model.parameters()]
    if not parameters:
        raise ValueError("policy must have parameters to train, got none")
    optimizer = torch.optim.Adam(parameters, lr=learning_rate)

    def next_batch() -> Callable[..., Rollout]:
        """Draw the prompts and random numbers of a batch, and return what samples completions with them."""
        prompts = None
        if prompt_ids is not None:
            prompts = draw_prompts(prompt_ids, batch_size, completions_per_prompt, generator).to(device)
        uniforms = draw(torch.rand, batch_size, completion_length, generator=generator, dtype=torch.float64)
        options = {"prompt_ids": prompts, "end_id": end_id, "reward": reward}
        return partial(collect, models, reference, uniforms.to(device), **options)

    def lose(step: int, rollout: Rollout) -> tuple[Tensor, dict[str, Tensor]]:
        """Ask the method for its loss and series, and stop a run whose loss is no longer finite."""
        loss, series = outcome(method(models, rollout, kl_coeff=kl_coeff, **knobs))
        if values_are_known(loss) and not math.isfinite(loss.item()):
            raise ValueError(f"the loss is {loss.item()} at step {step}: lower learning_rate={learning_rate}")
        return loss, series

    def watch(step: int, rollout: Rollout) -> dict[str, Tensor]:
        """Measure a batch, and stop a run whose policy is no longer a distribution."""
        series = measure(policy, rollout)
        if values_are_known(series["kl"]) and not torch.isfinite(series["kl"]):
            raise ValueError(f"the policy has diverged at step {step}: lower learning_rate={learning_rate}")
        return series

    rows = []
    with one_thread():
        for step in progress(steps, getattr(method, "__name__", "training")):
            if step % epochs == 0:
                sample = next_batch()
                rollout = sample(sample_from=sample_from)
            is_measured = step % measure_every == 0
            if is_measured:
                row = watch(step, rollout if sample_from == "policy" else sample())
            loss, series = lose(step, rollout)
            if is_measured:
                rows.append({name: x.detach().clone() for name, x in {**row, "loss": loss, **series}.items()})
            for parameter in parameters:
                parameter.grad = None  # what zero_grad does, in a tenth of its time
            loss.backward()
            optimizer.step()
    return History({name: torch.stack([row[name] for row in rows]) for name in rows[0]}, models, reference)
