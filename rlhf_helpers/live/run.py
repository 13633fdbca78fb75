"""A run without a screen: state, controls and random numbers in, state and series out, one update at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from rlhf_helpers._threads import one_thread
from rlhf_helpers.live.lines import line_of_return, name_of
from rlhf_helpers.live.word import Spelling


class NotFinite(ArithmeticError):
    """Series or states that are no longer finite numbers.

    Args:
        names: the series or states.
    """

    def __init__(self, names: Sequence[str]):
        super().__init__(" and ".join(f"`{name}`" for name in names))
        self.names = list(names)


def arrays(values: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Return series as numpy arrays, detached."""
    return {name: np.asarray(torch.as_tensor(value).detach().cpu()) for name, value in values.items()}


def _look(value: Tensor) -> str:
    """What a state must keep: kind and shape."""
    kind = "floats" if value.is_floating_point() else "truth values" if value.dtype == torch.bool else "whole numbers"
    return f"{kind} of shape {tuple(value.shape)}"


@dataclass(frozen=True)
class Kept:
    """A state of a run, and what makes its random numbers go on from there."""

    step: int
    state: dict[str, Tensor]
    noise: Tensor | None
    spare: Tensor | None
    generator: Tensor

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        noise = 0 if self.noise is None else self.noise.nbytes
        return noise + self.generator.nbytes + sum(tensor.nbytes for tensor in self.state.values())


class Run:
    """The states a figure goes through.

    ``rows`` are the series of the states before the present one and, after a way back, of those behind it.

    After update n the function has been evaluated once in the present state: ``now`` holds its series, and the state
    n + 1 waits for :meth:`commit`.

    Args:
        function: ``(state, noise, **controls) -> (state, series)``, or ``(**controls) -> series`` if ``start`` is None.
        start: seed -> state.
        noise: shape of the uniforms of one update; None for none.
        dtype: of state, noise and controls.
        words: how the controls that hold a word are spelled.
    """

    def __init__(
        self,
        function: Callable,
        start: Callable | None,
        noise: tuple | None,
        dtype: torch.dtype,
        words: Mapping[str, Spelling] = MappingProxyType({}),
    ):
        self.function, self.start, self.shape, self.dtype, self.words = function, start, noise, dtype, words
        self.controls: dict[str, float | str] = {}
        self.step = 0
        self.rows: list[dict[str, np.ndarray]] = []
        self.now: dict[str, np.ndarray] = {}

    def reset(self, seed: int, controls: Mapping[str, float | str]) -> None:
        """Back to state 0 of a seed."""
        self.step, self.rows, self.noise, self.spare = 0, [], None, None
        self.generator = torch.Generator().manual_seed(seed)
        self.state = None if self.start is None else self._start(seed)
        self._draw()
        self.evaluate(controls)

    def _start(self, seed: int) -> dict[str, Tensor]:
        state = self.start(seed)
        if not isinstance(state, Mapping):
            raise TypeError(f"start must return a dict of tensors, got {type(state).__name__}")
        return {name: self._cast(torch.as_tensor(value).detach()) for name, value in state.items()}

    def _cast(self, value: Tensor) -> Tensor:
        return value.to(self.dtype) if value.is_floating_point() else value

    def _draw(self) -> None:
        if self.spare is not None:
            self.noise, self.spare = self.spare, None
        elif self.shape is not None:
            # drawn in float32 whatever the dtype, so that every precision sees the same numbers
            uniforms = torch.rand(self.shape, generator=self.generator, dtype=torch.float32)
            self.noise = uniforms.to(self.dtype)

    def evaluate(self, controls: Mapping[str, float | str]) -> None:
        """Ask the function about the present state, on one thread; fills ``now``.

        Raises:
            NotFinite: a series has an infinity or NaN; in a run ``now`` stays as it was.
            TypeError: the function returns something else than series, or state and series.
            ValueError: the function returns another state than it was given, or one of another shape.
        """
        self.controls = dict(controls)
        tensors = {name: self._tensor(name, value) for name, value in controls.items()}
        default = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)
        try:
            with one_thread():
                if self.start is None:
                    following, series = None, self.function(**tensors)
                else:
                    following, series = self._unpack(self.function(dict(self.state), self.noise, **tensors))
        finally:
            torch.set_default_dtype(default)
        if not isinstance(series, Mapping):
            raise TypeError(f"{name_of(self.function)} must return a dict of series, got {type(series).__name__}")
        found = arrays(series)
        bad = [name for name, value in found.items() if value.dtype.kind == "f" and not np.isfinite(value).all()]
        self.following = None if bad else following
        if not bad or self.start is None:
            self.now = found
        if bad:
            raise NotFinite(bad)

    def _tensor(self, name: str, value: float | str) -> Tensor:
        """What the function gets of a control: a number, or the ids of a word."""
        if name in self.words:
            return torch.tensor(self.words[name].ids(value))
        return torch.tensor(float(value), dtype=self.dtype)

    def _unpack(self, result) -> tuple[dict[str, Tensor], Mapping]:
        if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Mapping)):
            name = name_of(self.function)
            raise TypeError(f"{name} must return (state, series), two dicts, got {type(result).__name__}")
        state, series = result
        if set(state) != set(self.state):
            wanted, name = sorted(self.state), name_of(self.function)
            raise ValueError(f"{name} must return a state with {wanted}, got one with {sorted(state)}")
        for name, value in state.items():
            given, got = _look(self.state[name]), _look(value)
            if given != got:
                raise ValueError(
                    f"{name_of(self.function)} must return `{name}` as it was given, {given}, got {got} in "
                    f"{line_of_return(self.function)}. Begin with that in `start`, or bring it back before the return"
                )
        return {name: self._cast(value.detach()) for name, value in state.items()}, series

    def commit(self, controls: Mapping[str, float | str]) -> None:
        """Go to the next state and evaluate there.

        Raises:
            NotFinite: the next state or its series has an infinity or NaN; the run stays at the present state.
        """
        if self.following is None:  # the last evaluation failed
            self.evaluate(controls)
        bad = [k for k, v in self.following.items() if v.is_floating_point() and not bool(torch.isfinite(v).all())]
        if bad:
            raise NotFinite(bad)
        before = (self.state, self.noise, self.following, self.now)
        self.rows[self.step : self.step + 1] = [self._row()]
        self.state, self.step = self.following, self.step + 1
        self._draw()
        try:
            self.evaluate(controls)
        except BaseException:  # stay where everything was a number
            self.spare = self.noise
            self.state, self.noise, self.following, self.now = before
            self.step -= 1
            raise

    def history(self) -> dict[str, np.ndarray]:
        """Return every series of one number per update, rows 0 to ``step``."""
        rows = [*self.rows[: self.step], self._row()]
        return {name: np.array([row[name] for row in rows]) for name in rows[-1]}

    def _row(self) -> dict[str, np.ndarray]:
        return {name: value for name, value in self.now.items() if value.ndim == 0}

    def kept(self) -> Kept:
        """Return all that is needed to come back to the present state."""
        return Kept(self.step, self.state, self.noise, self.spare, self.generator.get_state())

    def restore(self, kept: Kept, controls: Mapping[str, float]) -> None:
        """Go back, or forward, to where a state was kept.

        Args:
            kept: what :meth:`kept` returned, in this run.
            controls: the settings there.
        """
        self.step, self.state, self.noise, self.spare = kept.step, kept.state, kept.noise, kept.spare
        self.generator.set_state(kept.generator)
        self.evaluate(controls)
