"""What can be computed without sampling, because ten tokens can be written out in full.

A *table* of a policy is its log-probabilities for every last token: (V, V), row = last token, column = next token.
"""

import torch
from torch import Tensor

from rlhf_helpers._checks import (
    check_count,
    check_finite,
    check_law,
    check_ndim,
    check_positive,
    check_same_device,
    check_tensors,
    check_token,
)
from rlhf_helpers.precision import wide
from rlhf_helpers.sampling import Policy, ask, device_of


def policy_table(policy: Policy, vocab_size: int = 10) -> Tensor:
    r"""Return the log-probabilities of every next token after every last token.

    .. math:: T_{s,a} = \log \pi_\theta(a \mid s)

    Args:
        policy: ids (B, L) -> logits (B, L, V), looking at the last token only. Gradients flow into it.
        vocab_size: number of tokens V.

    Returns:
        (V, V), nats, on the policy's device; row s sums to 1 after ``exp``. float32 for logits of 16 bits.

    Raises:
        TypeError: vocab_size is not a whole number.
        ValueError: vocab_size is below 1, or not the policy's.

    Example:
        >>> uniform = lambda ids: torch.zeros(*ids.shape, 2)
        >>> policy_table(uniform, 2).exp()
        tensor([[0.5000, 0.5000],
                [0.5000, 0.5000]])
    """
    check_count(vocab_size=vocab_size)
    ids = torch.arange(vocab_size, device=device_of(policy))[None]
    table = ask(policy, f"vocab_size must be the policy's, got {vocab_size}: token ids", ids)[0].log_softmax(-1)
    if table.shape != (vocab_size, vocab_size):
        raise ValueError(f"vocab_size must be the policy's, got {vocab_size} for a policy of {table.shape[-1]} tokens")
    return table


def optimal_policy(ref_table: Tensor, token_rewards: Tensor, *, kl_coeff: float, horizon: int = 8) -> Tensor:
    r"""Return the policy that no other can beat on reward minus KL.

    .. math::
        \pi^*_t(a \mid s) &\propto \pi_{\mathrm{ref}}(a \mid s)\, e^{(r(a) + W_{t+1}(a)) / \beta} \\
        W_t(s) &= \beta \log \sum_a \pi_{\mathrm{ref}}(a \mid s)\, e^{(r(a) + W_{t+1}(a)) / \beta}

    W is the value of what is still to come, 0 after the last token. Where every row of the reference is the same, W
    does not depend on the token and the optimum is, at every position, the reference tilted by
    ``exp(reward / kl_coeff)``.

    Args:
        ref_table: log-probabilities of the reference, (V, V).
        token_rewards: what each token is paid, (V,).
        kl_coeff: beta, the price of a nat of KL, in units of reward; greater than 0.
        horizon: number of tokens T.

    Returns:
        Log-probabilities (T, V, V), one table for every position, in the more precise of the two dtypes; float32 for
        16 bits.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, a reference that is not made of log-probabilities, kl_coeff not greater than 0, or
            rewards that are not finite.

    Reference:
        One step: Rafailov et al. 2023, arXiv 2305.18290, equation 4; over a horizon, by backward recursion.

    Example:
        >>> table, pay = torch.full((2, 2), 0.5).log(), torch.tensor([0.0, 1.0])
        >>> # e / (1 + e) for the paid token
        >>> optimal_policy(table, pay, kl_coeff=1.0, horizon=1)[0, 0].exp()
        tensor([0.2689, 0.7311])
    """
    _check_table("ref_table", ref_table, token_rewards)
    check_count(horizon=horizon)
    check_positive(kl_coeff=kl_coeff)
    ref_table, token_rewards = wide(ref_table), wide(token_rewards)
    tables, to_come = [], torch.zeros_like(token_rewards)
    for _ in range(horizon):
        tilted = ref_table + (token_rewards + to_come) / kl_coeff  # (V, V)
        tables.append(tilted.log_softmax(-1))
        to_come = kl_coeff * tilted.logsumexp(-1)
    return torch.stack(tables[::-1])


def expected_reward_and_kl(
    table: Tensor, ref_table: Tensor, token_rewards: Tensor, *, horizon: int = 8, start: int = 0
) -> tuple[Tensor, Tensor]:
    r"""Return a policy's mean reward and its KL to the reference, per token, exactly.

    .. math::
        R &= \frac1T \sum_t \sum_{s,a} d_t(s)\, \pi_t(a \mid s)\, r(a) \\
        \mathrm{KL} &= \frac1T \sum_t \sum_{s,a} d_t(s)\, \pi_t(a \mid s)
        \log \frac{\pi_t(a \mid s)}{\pi_{\mathrm{ref}}(a \mid s)}

    where :math:`d_t` is the distribution of the last token before position t.

    Args:
        table: log-probabilities, (V, V), or (T, V, V) for one table for every position. Gradients flow.
        ref_table: log-probabilities of the reference, (V, V).
        token_rewards: what each token is paid, (V,).
        horizon: number of tokens T.
        start: the token before the first, in [0, V).

    Returns:
        ``(reward, kl)``, two scalars, per token; KL in nats. Both are in the most precise of the three dtypes; float32
        for 16 bits.

    Raises:
        TypeError: wrong dtypes, or a start that is not a whole number.
        ValueError: wrong shapes, tables that are not made of log-probabilities, or a start outside the vocabulary.

    Example:
        >>> uniform, pay = torch.full((10, 10), 0.1).log(), torch.eye(10)[1]
        >>> reward, kl = expected_reward_and_kl(uniform, uniform, pay)
        >>> round(reward.item(), 6), round(kl.item(), 6)
        (0.1, 0.0)
    """
    _check_table("ref_table", ref_table, token_rewards)
    check_tensors(table=table)
    check_count(horizon=horizon)
    if table.shape[-2:] != ref_table.shape or table.ndim not in (2, 3) or (table.ndim == 3 and len(table) != horizon):
        shapes = {"table": tuple(table.shape), "ref_table": tuple(ref_table.shape), "horizon": horizon}
        raise ValueError(f"table must be (V, V) or (horizon, V, V) like ref_table, got {shapes}")
    check_same_device(table=table, ref_table=ref_table)
    check_law(table=table)
    check_token("start", start, len(token_rewards))
    table, ref_table, token_rewards = (wide(tensor) for tensor in (table, ref_table, token_rewards))
    dtype = torch.promote_types(torch.promote_types(table.dtype, ref_table.dtype), token_rewards.dtype)
    table, ref_table, token_rewards = (tensor.to(dtype) for tensor in (table, ref_table, token_rewards))
    tables = table.expand(horizon, *ref_table.shape)
    state = torch.eye(len(token_rewards), dtype=dtype, device=table.device)[start]  # distribution of the last token
    reward = kl = torch.zeros((), dtype=dtype, device=table.device)
    for logprobs in tables:
        probs = logprobs.exp()
        gap = torch.where(probs > 0, logprobs - ref_table, 0.0)  # before the product: -inf has no gradient
        kl = kl + state @ torch.where(state > 0, (probs * gap).sum(-1), 0.0)
        state = state @ probs
        reward = reward + state @ token_rewards
    return reward / horizon, kl / horizon


def _check_table(name: str, table: Tensor, token_rewards: Tensor) -> None:
    check_tensors(**{name: table}, token_rewards=token_rewards)
    check_ndim(1, "(V,)", token_rewards=token_rewards)
    if table.shape != (len(token_rewards), len(token_rewards)):
        shapes = {name: tuple(table.shape), "token_rewards": tuple(token_rewards.shape)}
        raise ValueError(f"{name} must be (V, V) for rewards (V,), got {shapes}")
    check_same_device(**{name: table}, token_rewards=token_rewards)
    check_law(**{name: table})
    check_finite(token_rewards=token_rewards)
