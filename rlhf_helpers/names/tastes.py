"""What one may like about a name: features to weigh, rules to keep, and a judge with a stated taste."""

import torch
from torch import Tensor

from rlhf_helpers._checks import (
    check_finite,
    check_ids,
    check_knob,
    check_ndim,
    check_same_device,
    check_tensors,
    values_are_known,
)
from rlhf_helpers.masks import mask_after_end
from rlhf_helpers.names.text import ALPHABET, END, PAD
from rlhf_helpers.precision import wide

NAME_FEATURES = ("letters", "ends in a", "l, m, n", "k, x, z", "doubled letters", "starts with a vowel")
"""What :func:`name_features` counts, in its order."""

_KINDS = [[letter in kind for letter in ALPHABET] for kind in ("lmn", "kxz", "aeiou")]  # 3 x 27


def _take_apart(completion_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return which positions are letters of the name (B, T), and its last letter (B,)."""
    check_ids("completion_ids", completion_ids, PAD)
    mask = mask_after_end(completion_ids, END)
    letters = mask & (completion_ids != END)
    last = (letters.long().sum(1) - 1).clamp(min=0)
    return letters, completion_ids.gather(1, last[:, None])[:, 0]


def _ended(completion_ids: Tensor) -> Tensor:
    """Return whether each completion has an end, (B,)."""
    return (completion_ids == END).any(1)


def name_features(completion_ids: Tensor) -> Tensor:
    r"""Count in every name what :data:`NAME_FEATURES` lists.

    Args:
        completion_ids: (B, T) int64; what comes after the first end token does not count.

    Returns:
        (B, 6), float32: the number of letters; 1 if the last one is an a; the number of
        l, m and n; that of k, x and z; that of letters which repeat the one before; 1 if the first is a, e, i, o or u.

    Raises:
        TypeError: ids are not int64.
        ValueError: ids are not (B, T), empty, or outside of the alphabet.

    Example:
        >>> from rlhf_helpers.names import encode
        >>> name_features(encode(["anna."])).tolist()
        [[4.0, 1.0, 2.0, 0.0, 1.0, 1.0]]
    """
    letters, last = _take_apart(completion_ids)
    kinds = torch.tensor(_KINDS, device=completion_ids.device)  # (3, 27)
    soft, hard, vowel = (kind[completion_ids] & letters for kind in kinds)
    doubled = letters[:, 1:] & (completion_ids[:, 1:] == completion_ids[:, :-1])
    columns = letters.sum(1), last == 1, soft.sum(1), hard.sum(1), doubled.sum(1), vowel[:, 0]
    return torch.stack([column.float() for column in columns], dim=1)


def name_score(completion_ids: Tensor, utilities: Tensor, *, unfinished: float = 3.0) -> Tensor:
    r"""Score names by what their features are worth.

    .. math:: s(y) = \sum_f w_f\, \phi_f(y)

    Args:
        completion_ids: (B, T) int64.
        utilities: w, what one unit of each feature adds, (6,). Gradients flow into it.
        unfinished: what is taken off the score of a completion without an end token: a name that was cut off is none.

    Returns:
        Scores (B,), in the unit of the utilities; float32 for utilities of 16 bits.

    Raises:
        TypeError: wrong dtypes.
        ValueError: wrong shapes, or ids outside of the alphabet.

    Example:
        >>> from rlhf_helpers.names import encode
        >>> short = torch.tensor([-0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
        >>> name_score(encode(["bo.", "bob"]), short).tolist()   # the second has no end
        [-1.0, -4.5]
    """
    check_tensors(utilities=utilities)
    check_ndim(1, "(6,)", utilities=utilities)
    check_finite(utilities=utilities)
    check_knob(unfinished=unfinished)
    utilities = wide(utilities)
    features = name_features(completion_ids).to(utilities.dtype)
    if utilities.shape != features.shape[1:]:
        raise ValueError(f"utilities must have shape {tuple(features.shape[1:])}, got {tuple(utilities.shape)}")
    check_same_device(completion_ids=completion_ids, utilities=utilities)
    score = (features * utilities).sum(1)
    return torch.where(_ended(completion_ids), score, score - unfinished)


def ends_in_a(prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    """Return 1.0 for a finished name whose last letter is an a, else 0.0: (B, P) and (B, T) ids -> (B,).

    Example:
        >>> from rlhf_helpers.names import encode
        >>> ends_in_a(None, encode(["anna.", "anne.", "maria"])).tolist()   # the last one has no end
        [1.0, 0.0, 0.0]
    """
    _, last = _take_apart(completion_ids)
    return ((last == 1) & _ended(completion_ids)).float()


def is_short(prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    """Return 1.0 for a finished name of at most four letters, else 0.0: (B, P) and (B, T) ids -> (B,).

    Example:
        >>> from rlhf_helpers.names import encode
        >>> is_short(None, encode(["anna.", "annie.", "."])).tolist()   # nothing is short, too
        [1.0, 0.0, 1.0]
    """
    letters, _ = _take_apart(completion_ids)
    return ((letters.sum(1) <= 4) & _ended(completion_ids)).float()


def alliterates(prompt_ids: Tensor, completion_ids: Tensor) -> Tensor:
    """Return 1.0 for a finished name that starts with the letter of its surname, else 0.0: (B, P), (B, T) -> (B,).

    Example:
        >>> from rlhf_helpers.names import encode
        >>> surnames = encode(["parker.", "kent."], side="left")
        >>> alliterates(surnames, encode(["peter.", "peter."])).tolist()
        [1.0, 0.0]
    """
    check_ids("completion_ids", completion_ids, PAD)
    check_ids("prompt_ids", prompt_ids, PAD + 1)
    if len(prompt_ids) != len(completion_ids):
        shapes = {"prompt_ids": tuple(prompt_ids.shape), "completion_ids": tuple(completion_ids.shape)}
        raise ValueError(f"prompt_ids and completion_ids must have one batch size, got {shapes}")
    check_same_device(prompt_ids=prompt_ids, completion_ids=completion_ids)
    if values_are_known(prompt_ids) and (prompt_ids[:, -1] == PAD).any():
        raise ValueError("prompt_ids must end in a token in every row, got one of nothing but padding")
    begin = (prompt_ids == PAD).sum(1, keepdim=True)  # the padding is on the left
    initial = prompt_ids.gather(1, begin)[:, 0]
    return ((completion_ids[:, 0] == initial) & (initial != END) & _ended(completion_ids)).float()


def judge_names(completion_ids: Tensor) -> Tensor:
    r"""Score names as the judge of chapter 11 does, who likes a soft sound, and not too much of it.

    .. math:: R = \sum_{i=1}^{n} \bigl(1 - 0.4\,(i - 1)\bigr) + a - d

    n is the number of l, m and n: the first is worth 1, the next one 0.4 less, and from the fourth on each makes it
    worse. a is 1 for a name that ends in a, d the number of letters that repeat the one before.

    Args:
        completion_ids: (B, T) int64.

    Returns:
        Scores (B,), in logits of the judge's choices; -1 for a completion without an end token.

    Raises:
        TypeError: ids are not int64.
        ValueError: ids are not (B, T), empty, or outside of the alphabet.

    Example:
        >>> from rlhf_helpers.names import encode
        >>> [round(r, 1) for r in judge_names(encode(["emma.", "lenn.", "mel."])).tolist()]
        [1.6, 0.8, 1.6]
    """
    _, in_a, soft, _, doubled, _ = name_features(completion_ids).unbind(1)
    score = soft - 0.2 * soft * (soft - 1) + in_a - doubled
    return torch.where(_ended(completion_ids), score, -1.0)
