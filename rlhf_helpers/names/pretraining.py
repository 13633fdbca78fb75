"""Before any reward: a transformer learns to write names."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import vector_to_parameters

from rlhf_helpers._checks import check_count, check_ids, check_knob, check_whole
from rlhf_helpers._progress import progress
from rlhf_helpers._threads import one_thread
from rlhf_helpers.gpt import TinyGPT
from rlhf_helpers.losses.terms import average
from rlhf_helpers.masks import mask_after_end
from rlhf_helpers.names.text import END, encode, load_names, load_surnames
from rlhf_helpers.sampling import Policy, draw, token_logprobs

WEIGHTS = Path(str(files("rlhf_helpers"))) / "names" / "names.f32"


def names_loss(policy: Policy, prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    r"""Return the negative log-likelihood of names, a mean over their letters and ends.

    .. math:: L = -\frac{\sum_{i,t} m_{i,t} \log \pi_\theta(y_{i,t} \mid x_i, y_{i,<t})}{\sum_{i,t} m_{i,t}}

    Neither prompts nor padding are learned: they have no loss.

    Args:
        policy: ids (B, L) -> logits (B, L, V). Gradients flow into it.
        prompt_ids: what a name goes on from, (B, P) int64; one row (1, P) is for all names.
        completion_ids: the names, each with its end token, (B, T) int64.

    Returns:
        A scalar, nats per token, float32 for logits of 16 bits; its exp is the perplexity.

    Raises:
        TypeError: ids are not int64.
        ValueError: wrong shapes, or ids outside of the vocabulary.

    Example:
        >>> uniform = lambda ids: torch.zeros(*ids.shape, 27)
        >>> names_loss(uniform, encode(["."]), encode(["ann.", "bo."]))   # log 27
        tensor(3.2958)
    """
    check_ids("prompt_ids", prompt_ids)
    check_ids("completion_ids", completion_ids)
    if len(prompt_ids) == 1:
        prompt_ids = prompt_ids.expand(len(completion_ids), -1)
    logprobs = token_logprobs(policy, prompt_ids, completion_ids)
    return -average("log-probabilities of completion_ids", logprobs, mask_after_end(completion_ids, END))


@one_thread()
def pretrain(*, steps: int = 600, batch_size: int = 128, learning_rate: float = 0.01, seed: int = 0) -> TinyGPT:
    """Train a :class:`TinyGPT` on the names of :func:`load_names`, from scratch.

    Every other batch puts a surname before each name, so that the policy has seen a prompt. AdamW with a learning rate
    that rises and falls, in float64, so that a seed gives the same policy on every machine. A progress bar appears
    after two seconds.

    Args:
        steps: of the optimizer.
        batch_size: names in a batch.
        learning_rate: the largest.
        seed: of the weights and the batches.

    Returns:
        The policy, in float64.

    Raises:
        TypeError: counts or a seed that are not whole numbers.
        ValueError: counts below 1, or a negative learning rate.
    """
    check_count(steps=steps, batch_size=batch_size)
    check_knob(learning_rate=learning_rate)
    check_whole(seed=seed)
    generator = torch.Generator().manual_seed(int(seed))
    policy = TinyGPT(generator=generator).double()
    names = encode([f"{name}." for name in load_names()[0]])
    surnames = encode([f"{surname}." for surname in load_surnames()], side="left")
    no_surname = encode(["."])
    optimizer = torch.optim.AdamW(policy.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.1)
    rising = max(0.1, 2 / (steps + 2))  # the share of steps; at least one
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=int(steps) + 1, pct_start=rising
    )
    for step in progress(steps, "pre-training"):
        batch = names[draw(torch.randint, len(names), (batch_size,), generator=generator)]
        batch = batch[:, : int((batch != END).sum(1).max()) + 1]  # up to the end of its longest name
        prompts = no_surname
        if step % 2:
            prompts = surnames[draw(torch.randint, len(surnames), (batch_size,), generator=generator)]
        loss = names_loss(policy, prompts, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return policy


def pretrained_policy() -> TinyGPT:
    """Return a policy that :func:`pretrain` gave with its defaults, from a file of 126 kB that comes with the book.

    Returns:
        A :class:`TinyGPT`, float32.

    Example:
        >>> policy = pretrained_policy()
        >>> sum(parameter.numel() for parameter in policy.parameters())
        31584
    """
    policy = TinyGPT(generator=torch.Generator())  # what it draws is overwritten
    weights = np.frombuffer(WEIGHTS.read_bytes(), dtype="<f4").copy()
    vector_to_parameters(torch.from_numpy(weights), policy.parameters())
    return policy
