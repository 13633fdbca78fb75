"""``live``: one pure function of (state, noise, controls), its sliders, and the figure that they move."""

from collections.abc import Callable, Sequence

from rlhf_helpers.live import checks
from rlhf_helpers.live.base import Panel
from rlhf_helpers.live.controls import setting
from rlhf_helpers.live.figure import LiveFigure
from rlhf_helpers.live.guidance import Preset, Say, Term
from rlhf_helpers.live.session import Definition
from rlhf_helpers.live.word import Word


def live(
    function: Callable,
    *,
    start: Callable | None = None,
    noise: Sequence[int] | None = None,
    steps: int = 300,
    panels: Sequence[Panel] = (),
    caption: str = "",
    status: str = "",
    says: Sequence[Say] = (),
    presets: Sequence[Preset] = (),
    seeds: int = 5,
    formula: Sequence[Term | str] = (),
    name: str = "",
    **controls,
) -> LiveFigure:
    """Make a figure with controls: it trains, or it only computes, whatever ``function`` says.

    Args:
        function: with ``start``: ``(state, noise, *, <controls>) -> (state, series)``, one update; the series
            describe the state that came in. Without: ``(*, <controls>) -> series``. Pure torch: dicts of
            tensors in and out, the controls as 0-d tensors of the state's dtype (a
            :class:`Word` as its ids), nothing else read or written.
        start: seed -> state, a dict of tensors.
        noise: shape of the uniforms in [0, 1) that one update uses; None for none.
        steps: length of the default run, in updates, and the first width of the axes; a run has no end.
        panels: what is drawn.
        caption: what the reader should see.
        status: the line below, a format string over the series of one number, the controls, ``step`` and ``seed``.
        says: sentences that appear when a series goes too far; of several that apply, the first.
        presets: settings worth a look, each a button with a sentence.
        seeds: how many seeds there are to choose from.
        formula: what is computed, in terms and the texts between them; a term lights up with all that shows it.
        name: what links in the text call the figure, such as ``[Move it to 10](#ppo?kl_coeff=10)``.
        **controls: ipywidgets controls with numbers, or a :class:`Word`, named like the function's keywords.

    Returns:
        A widget to end a cell with. A page without a kernel shows the picture of its default run.

    Raises:
        TypeError: an argument is of the wrong kind, or controls and keywords do not match; the message names it.
        ValueError: an argument is wrong, or a panel names a series that is not there; the message names it.
    """
    checks.check_arguments(start, noise, steps, panels, caption, seeds, name)
    noise = None if noise is None else tuple(map(int, noise))
    checks.check_controls(function, controls, training=start is not None)
    defaults = {name: setting(control) for name, control in controls.items()}
    checks.check_presets(presets, controls)
    checks.check_formula(formula, panels, controls)
    checks.check_words(panels, controls)
    checks.check_diffs(panels, controls)
    checks.check_guesses(panels, controls, name)
    checks.check_drags(panels, controls)
    definition = Definition(
        function=function,
        start=start,
        noise=noise,
        steps=int(steps),
        panels=tuple(panels),
        caption=caption,
        status=status,
        says=tuple(says),
        presets=tuple(presets),
        seeds=int(seeds),
        name=name,
        defaults=defaults,
        formula=tuple(formula),
        words={name: control.spelling for name, control in controls.items() if isinstance(control, Word)},
    )
    return LiveFigure(definition, controls)
