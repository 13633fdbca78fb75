"""Whether two engines agree on a figure: each evaluates it from the same state, uniforms and settings.

Two runs that are left to themselves part for good where rounding decides: a sampled token whose uniform lies on a
boundary, or a gradient that is nothing but rounding, which Adam divides by its own size (chapter 8 at a learning rate
of 1: 1.8e-10 beside 2.3e-10, and a parameter moves by 0.018 more; four updates later 11 of 256 tokens differ). So one
engine leads, and at each of its steps the other starts from where the leader is.
"""

import base64
from collections.abc import Iterable, Mapping

import numpy as np
from support.graphs import session_of

# How far apart two engines may be after one step: this part of the largest number of a tensor, and for series, whose
# numbers are nats or shares, this much.
RELATIVE, ABSOLUTE = 1e-5, 1e-6
# Two series magnify the rounding of a KL near zero, which is 1e-6: its root (chapter 10), and a share of estimates that
# lie below zero, by the distance that they are measured in (KL bookkeeping).
MAGNIFIED = {"series/distance": 5e-4, "series/below": 5e-5}
# Where they are further apart, a part of a step hangs on rounding, and onnxruntime itself must show it: with inputs
# that are moved by less than NUDGE of their size and GRAIN of the largest of their tensor, its own outputs move as
# far, up to a FACTOR: adding numbers one after the other rounds more than adding them in parts, as onnxruntime does.
NUDGE, GRAIN, TRIES, FACTOR = 2.0**-18, 2.0**-22, 32, 16


def check(graph: str, known: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], told: str) -> dict[str, float]:
    """Compare what an engine has computed with what onnxruntime computes from the same inputs.

    Args:
        graph: of the figure, in base64.
        known: `state/...`, `control/...` and `noise`.
        found: `next/...` and `series/...` of the engine.
        told: where this is, for the message.

    Returns:
        How far each series of `found` is from onnxruntime's, as a part of what it may be.

    Raises:
        AssertionError: something is further apart than rounding explains, or is finite in one engine only.
    """
    wanted = evaluate(graph, known)
    assert found.keys() == wanted.keys(), told
    rooms = {name: _room(name, value) for name, value in wanted.items()}
    apart = {name: _apart(found[name], wanted[name]) for name in wanted}
    parts = {name: float(np.max(apart[name] / rooms[name], initial=0)) for name in wanted}
    draw = np.random.default_rng(0)
    spread = {name: np.zeros(value.shape) for name, value in wanted.items()}
    for _ in range(TRIES):
        if all((apart[name] <= rooms[name] + FACTOR * spread[name]).all() for name in wanted):
            return parts
        moved = evaluate(graph, {name: _nudged(name, value, draw) for name, value in known.items()})
        spread = {name: np.maximum(spread[name], _apart(moved[name], wanted[name])) for name in wanted}
    parts = {name: float(np.max(apart[name] / (rooms[name] + FACTOR * spread[name]))) for name in wanted}
    worst = max(parts, key=parts.get)
    place = np.unravel_index(np.argmax(apart[worst]), apart[worst].shape)
    numbers = f"{found[worst][place]!r}, not {wanted[worst][place]!r}, {parts[worst]:.2g} times what rounding explains"
    raise AssertionError(f"{told}: `{worst}` is {numbers}, at {[int(x) for x in place]}")


def unpacked(frame: Iterable[tuple[str, str, list[int], str]]) -> dict[str, np.ndarray]:
    """Tensors that a page has sent: name, type, shape, and bytes in base64."""
    return {name: np.frombuffer(base64.b64decode(text), kind).reshape(shape) for name, kind, shape, text in frame}


def evaluate(graph: str, known: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What onnxruntime makes of a state, uniforms and settings."""
    session = session_of(graph)
    outputs = session.run(None, {x.name: np.asarray(known[x.name]) for x in session.get_inputs()})
    return dict(zip((x.name for x in session.get_outputs()), outputs, strict=True))


def _room(name: str, value: np.ndarray) -> float:
    """How far a tensor may be from this value."""
    if value.dtype != np.float32:
        return 0.0
    largest = np.max(np.abs(value), initial=0, where=np.isfinite(value))
    return RELATIVE * float(largest) + MAGNIFIED.get(name, ABSOLUTE if name.startswith("series/") else 1e-12)


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far two tensors are apart; infinitely, where one has a number and the other does not, or another infinity."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    assert one.shape == other.shape
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(one - other))
    return np.where(np.isnan(apart), np.inf, apart)


def _nudged(name: str, value: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """An input moved by a few roundings; settings and whole numbers stay: a step counts updates in a float."""
    if name.startswith("control/") or value.dtype != np.float32 or (value == np.round(value)).all():
        return value
    size = NUDGE * np.abs(value) + GRAIN * np.max(np.abs(value), initial=0)
    if name == "noise":
        size = NUDGE  # a uniform meets sums of probabilities, of size one
    return (value + draw.uniform(-1, 1, value.shape) * size).astype(np.float32)
