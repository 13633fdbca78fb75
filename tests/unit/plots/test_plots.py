"""The drawing functions, and `show`: what is drawn is what was given, and it is the same bytes every time."""

import base64
import io
import re
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from rlhf_helpers import plots
from rlhf_helpers._html import KEPT
from rlhf_helpers.plots.labels import line_styles, settle_all, spread
from rlhf_helpers.plots.motif import short_probability
from rlhf_helpers.plots.png import png
from rlhf_helpers.plots.style import COLORS, RC

UNIFORM = np.full(10, 0.1)
RUN = {"reward": np.linspace(0.1, 0.9, 50), "kl": np.linspace(0, 1.5, 50), "optimum": np.full(50, 0.95)}


def squares(ax, color):
    """Heights of the filled squares of a color."""
    return [abs(p.get_height()) for p in ax.patches if p.get_fill() and to_hex(p.get_facecolor()) == color.lower()]


def shown(ax, alt="something"):
    """The markup of axes, and its SVG as a tree."""
    markup = plots.show(ax, caption="A caption.", alt=alt).html
    return markup, ET.fromstring(markup[markup.index("<svg") : markup.index("</svg>") + 6])


# The motif


def test_strip_fills_each_square_by_its_probability():
    probs = np.array([0.05, 0.5, 0.25, 0.2])
    ax = plots.token_strip(probs)
    blue, accent = squares(ax, plots.COLORS["policy"]), squares(ax, plots.COLORS["accent"])
    np.testing.assert_allclose(np.array(blue) / accent[0], probs[[0, 2, 3]] / probs[1])
    assert [t.get_text() for t in ax.texts] == ["0", ".05", "1", ".50", "2", ".25", "3", ".20"]


def test_strip_outlines_the_accent_token_even_when_it_is_empty():
    ax = plots.token_strip([0.5, 0.0, 0.5])
    edges = [to_hex(p.get_edgecolor()) for p in ax.patches if not p.get_fill()]
    assert edges == ["#000000", plots.COLORS["accent"].lower(), "#000000"]
    assert not squares(ax, plots.COLORS["accent"])
    assert not squares(plots.token_strip([0.5, 0.5], accent=None), plots.COLORS["accent"])


def test_rows_of_numbers_say_what_is_given_of_the_same_tokens():
    probs, logits = [0.25, 0.75], [-1.25, 2.0]
    ax = plots.number_rows({"logit": logits, "prob": probs}, ids=[7, 1], filled=["prob"], digits=2)
    words = [text.get_text() for text in ax.texts]
    assert words == ["7", "1", "logit", "\N{MINUS SIGN}1.25", "2.00", "prob", ".25", ".75"]
    assert squares(ax, COLORS["policy"]) == pytest.approx([0.25 * 0.88, 0.75 * 0.88])
    centers = {}
    for text in ax.texts:
        centers.setdefault(text.get_position()[0], []).append(text.get_text())
    assert ["7", "\N{MINUS SIGN}1.25", ".25"] in centers.values(), "what is said of one token stands above one another"


def test_table_is_a_strip_for_every_row():
    table = np.eye(10)[:, ::-1]
    ax = plots.policy_table(table)
    assert len(squares(ax, plots.COLORS["policy"])) == 9
    assert len(squares(ax, plots.COLORS["accent"])) == 1
    assert len([p for p in ax.patches if not p.get_fill()]) == 100


def test_attention_fills_a_square_for_each_position_that_was_read():
    ax = plots.attention_rows([[0.25, 0.75], [1.0, 0.0]], ".ann")
    np.testing.assert_allclose(squares(ax, plots.COLORS["policy"]), np.array([0.25, 0.75, 1.0]) * 0.88)
    assert len([patch for patch in ax.patches if patch.get_linestyle() == ":"]) == 2 * 2  # what comes later
    assert [t.get_text() for t in ax.texts] == [".", "a", "n", "n", "head 1", ".25", ".75", "head 2", "1", "0"]
    assert len(squares(ax, plots.COLORS["accent"])) == 1


def test_chips_show_ids_and_leave_padding_empty():
    ax = plots.completion_chips(torch.tensor([[3, 1, 1], [1, 7, -1]]), row_labels=["a", "b"])
    assert [t.get_text() for t in ax.texts] == ["3", "1", "1", "a", "1", "7", "b"]
    assert len(squares(ax, plots.COLORS["accent"])) == 3


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plots.token_strip([[0.5, 0.5]]),
            "probs must have 1 dimension(s) with at least one entry, got shape (1, 2)",
        ),
        (lambda: plots.token_strip([0.5, 1.5]), "probs must be probabilities between 0 and 1, got 0.5 to 1.5"),
        (lambda: plots.token_strip([0.5, np.nan]), "probs must be probabilities"),
        (lambda: plots.policy_table(UNIFORM), "table must have 2 dimension(s)"),
        (lambda: plots.attention_rows([[0.5, 0.5]], "a"), "text must have at least 2 positions, got 1"),
        (lambda: plots.completion_chips(np.zeros((0, 3))), "ids must have shape (B, T)"),
        (lambda: plots.completion_chips([[1]], row_labels=["a", "b"]), "row_labels must be 1 texts, got 2"),
        (lambda: plots.curves({}), "series must be at least one, got none"),
        (lambda: plots.curves({"kl": [[1.0]]}), "kl must be a 1-D series"),
        (lambda: plots.curves({"kl": [1.0, 2.0]}, x=[0]), "x must have shape (2,), as 'kl' has, got (1,)"),
        (lambda: plots.curves({"kl": [1.0]}, colors={"kl": "pink"}), "colors must be among"),
        (lambda: plots.bars({"a": [1, 2], "b": [1]}), "series must be numbers or 1-D series of one length"),
        (lambda: plots.bars({}), "series must be at least one, got none"),
        (lambda: plots.show(plots.bars([1]), caption="", alt="a"), "caption must be a text"),
        (lambda: plots.show(plots.bars([1]), caption="a", alt=None), "alt must be a text"),
    ],
)
def test_errors_name_the_argument(draw, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        draw()


@pytest.mark.parametrize(
    ("value", "text"), [(0.1, ".10"), (1.0, "1"), (0.996, "1"), (0.994, ".99"), (0.004, "0"), (0.0, "0"), (0.05, ".05")]
)
def test_short_probabilities(value, text):
    assert short_probability(value) == text


# Curves, bars, functions


def test_curves_draw_the_series_in_their_quantities_colors():
    ax = plots.curves(RUN)
    for line, (name, values) in zip(ax.lines, RUN.items(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), values)
        assert to_hex(line.get_color()) == plots.COLORS[name].lower()
    assert [t.get_text() for t in ax.texts] == ["reward", "KL", "optimum"]
    assert ax.get_legend() is None


def test_curves_accept_what_numpy_can_read_and_gaps():
    ax = plots.curves({"loss": torch.tensor([3.0, 2.0, float("nan")]), "reward": [0, 1, 2]}, labels={"reward": None})
    assert [(t.get_text(), t.xy) for t in ax.texts] == [("loss", (1.0, 2.0))]


def test_bands_levels_and_marks():
    low, high = RUN["reward"] - 0.1, RUN["reward"] + 0.1
    ax = plots.curves({"reward": RUN["reward"]}, bands={"reward": (low, high)}, levels={"optimum": 0.95}, marks=[10])
    (band,) = ax.collections
    ys = band.get_paths()[0].vertices[:, 1]
    assert ys.min() == pytest.approx(low.min())
    assert ys.max() == pytest.approx(high.max())
    assert [t.get_text() for t in ax.texts] == ["reward", "optimum"]
    assert ax.lines[1].get_ydata()[0] == 0.95
    assert ax.lines[2].get_xdata()[0] == 10


def test_lines_of_one_color_are_told_apart_and_yardsticks_are_dashed():
    styles = line_styles(["reward", "mean_reward", "optimum", "loss", "margin"])
    assert styles["reward"] != styles["mean_reward"]
    assert styles["loss"] != styles["margin"]
    assert styles["reward"] == styles["loss"] == "-"
    assert styles["optimum"] != "-"


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("reward", "reward"),
        ("mean_reward", "reward"),
        ("kl", "kl"),
        ("kl_to_reference", "kl"),
        ("optimum", "optimum"),
        ("ref_logprobs", "reference"),
        ("old_probs", "old"),
        ("probs", "policy"),
        ("entropy", None),
        ("preferred", None),
    ],
)
def test_quantities_by_name(name, quantity):
    assert plots.quantity_of(name) == quantity
    assert plots.color_of(name) == plots.COLORS.get(quantity, plots.TEXT)


def test_names_at_the_ends_never_overlap():
    ax = plots.curves({"reward": [0, 0.5], "kl": [0, 0.5], "optimum": [0.5, 0.5], "loss": [1, 0.49]})
    _, tree = shown(ax)
    places = {t.text: float(t.get("y")) for t in tree.iter("text") if t.text in ("reward", "KL", "optimum", "loss")}
    gaps = np.diff(sorted(places.values()))
    assert len(places) == 4
    assert gaps.min() >= 12  # 11 points and some air


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8), st.floats(0.1, 2))
def test_spread_keeps_order_and_distance(positions, gap):
    places = spread(positions, gap)
    order = np.argsort(positions, kind="stable")
    assert np.all(np.diff(np.array(places)[order]) >= gap - 1e-6)
    if np.all(np.diff(np.sort(positions)) >= gap):
        np.testing.assert_allclose(places, positions, atol=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=5))
def test_spread_stays_inside_where_there_is_room(positions):
    places = spread(positions, 1.0, -3.0, 3.0)
    assert min(places) >= -3 - 1e-9
    assert max(places) <= 3 + 1e-9
    assert len(places) == 1 or np.diff(sorted(places)).min() >= 1 - 1e-6


def test_bars_up_down_grouped_and_single():
    heights = lambda ax: [p.get_height() for p in ax.patches]  # noqa: E731
    assert heights(plots.bars([1.0, -2.0], accent=1)) == [1.0, -2.0]
    grouped = plots.bars({"old": [0.2, 0.8], "new": [0.5, 0.5]})
    assert heights(grouped) == [0.2, 0.8, 0.5, 0.5]
    assert [t.get_text() for t in grouped.texts] == ["old", "new"]
    single = plots.bars({"reward": 0.5, "kl": -0.001})
    assert heights(single) == [0.5, -0.001]
    assert [t.get_text() for t in single.texts] == ["0.50", "0.00"]


def test_line_plot_has_points_trails_and_ranges():
    x = np.linspace(0, 2, 21)
    ax = plots.line_plot(
        x,
        {"surrogate": x**2},
        points=[(1.0, 1.0, "here")],
        trails=[([0, 1], [0, 1], "here")],
        x_range=(0, 1.5),
        labels={"here": "you are here"},
    )
    assert ax.get_xlim() == (0, 1.5)
    assert {t.get_text() for t in ax.texts} == {"surrogate", "you are here"}
    alone = plots.line_plot((), {}, points=[([0.1, 0.2], [0.3, 0.4], "reward")])
    np.testing.assert_allclose(alone.lines[0].get_ydata(), [0.3, 0.4])


@pytest.mark.parametrize(("slope", "below"), [(1, True), (-1, False)])
def test_the_name_of_a_point_is_where_no_line_is(slope, below):
    x = np.linspace(-1, 1, 41)
    ax = plots.line_plot(
        x, {"line": 0.3 * slope * x}, points=[(0, 0, "here")], labels={"here": "here"}, y_range=(-1, 1)
    )
    (name,) = [text for text in ax.texts if text.get_text() == "here"]
    assert (name.xyann[1] < 0) == below


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plots.curves(RUN, ax),
        lambda ax: plots.bars([1, 2], ax),
        lambda ax: plots.line_plot([0, 1], {"a": [0, 1]}, ax),
        lambda ax: plots.token_strip(UNIFORM, ax),
        lambda ax: plots.policy_table(np.full((3, 10), 0.1), ax),
        lambda ax: plots.completion_chips([[1, 2]], ax),
        lambda ax: plots.code_lines("# a\n+ b", ax),
        lambda ax: plots.attention_rows([[0.5, 0.5]], ".a", ax),
        lambda ax: plots.rlhf_loop(UNIFORM, [[1, 2]], 0.0, ax),
    ],
)
def test_axes_in_axes_out(draw):
    _, ax = plots.figure()
    assert draw(ax) is ax


def test_chips_have_bars_beside_them_one_scale_for_all_rows():
    ax = plots.completion_chips([[1, 2], [3, 4], [5, 6]], beside={"advantage": np.array([2.0, -1.0, 0.0])})
    widths = [patch.get_width() for patch in ax.patches if patch.get_facecolor()[3] == 0.6 and patch.get_x() > 2]
    np.testing.assert_allclose(widths, [1.6, -0.8, 0.0])
    assert {"+2.0", "\u22121.0", "+0.0", "advantage"} <= {text.get_text() for text in ax.texts}


def test_the_loop_pays_for_the_accent_token_and_pulls_to_the_uniform_policy():
    probs = np.array([0.05, 0.6, 0.3, 0.05])
    ax = plots.rlhf_loop(probs, [[1, 1, 0], [2, 2, 2]], 0.71)
    words = {text.get_text() for text in ax.texts}
    assert {"pays 2", "pays 0"} <= words
    assert any("0.71" in word for word in words)
    pulls = [line for line in ax.lines if line.get_linewidth() == 1.6]
    np.testing.assert_allclose([line.get_ydata()[0] for line in pulls], 0.75 + 0.88 * 0.75)  # a quarter from below


# show


def test_show_gives_a_captioned_accessible_figure():
    result = plots.show(plots.curves(RUN, title="Up <it> goes"), caption="See `kl` & more.", alt='A "curve".')
    assert result.html.startswith('<figure class="baby-figure"><svg role="img" aria-label="A &quot;curve&quot;."')
    assert result.html.endswith("<figcaption>See <code>kl</code> &amp; more.</figcaption></figure>")
    assert "Up &lt;it&gt; goes" in result.html
    assert repr(result) == "Figure: See `kl` & more."
    assert set(result._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_a_picture_with_links_does_not_hide_them_as_an_image_would():
    ax = plots.curves(RUN)
    ax.text(0, 0, "GRPO", url="page.html#there")
    html = plots.show(ax, caption="c", alt="a").html
    assert html.count("<svg ") == html.count('<svg role="group" aria-label="a"') == 1
    assert re.findall(r"<a [^>]*>", html) == ['<a href="page.html#there">']


def test_a_notebook_program_may_hold_one_figure_many_times():
    result = plots.show(plots.curves(RUN), caption="c", alt="a")
    first, second = (result._repr_mimebundle_()["text/html"] for _ in range(2))
    ids = [set(re.findall(r' id="([^"]+)"', html)) for html in (result.html, first, second)]
    assert all(ids)
    assert not ids[0] & ids[1] | ids[0] & ids[2] | ids[1] & ids[2]
    for html, known in zip((first, second), ids[1:], strict=True):
        assert set(re.findall(r'(?:url\(|href=")#([^")]+)', html)) == known
    assert "data-jp-theme-light" in first, "the colors of a dark notebook are missing"


def test_figures_of_one_image_stand_below_one_another():
    figures = [Figure(figsize=(1, 1)) for _ in range(3)]
    for figure, color in zip(figures, ("red", "lime", "blue"), strict=True):
        figure.add_artist(Rectangle((0, 0), 1, 1, color=color))
    image = Image.open(io.BytesIO(png(figures))).convert("RGB")
    shown = [image.getpixel((5, round(image.height * share))) for share in (1 / 6, 1 / 2, 5 / 6)]
    assert shown == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_for_a_chapter_a_figure_is_an_image_and_the_html_of_its_page(monkeypatch):
    monkeypatch.setenv("BABY_RLHF_PUBLISH", "1")
    result = plots.show(plots.curves(RUN), caption="c", alt="a")
    data = result._repr_mimebundle_()
    assert set(data) == {KEPT, "image/png", "text/plain"}
    assert zlib.decompress(base64.b64decode(data[KEPT])).decode() == result.html
    image = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert image.size[0] > 400
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    drawn = np.asarray(image.convert("RGB"), dtype=int).reshape(-1, 3)
    for color in (COLORS["reward"], COLORS["kl"]):
        wanted = [int(color[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(drawn - wanted).max(1).min() < 32, f"{color} is not in the picture"


def test_show_is_the_same_byte_for_byte_and_ignores_the_last_bit():
    def once(noise=0.0):
        series = {name: values * (1 + noise) for name, values in RUN.items()}
        return plots.show(plots.curves(series, title="a"), caption="c", alt="a").html

    assert once() == once()
    assert once() == once(4e-16)


def test_show_speaks_the_pages_colors():
    markup, tree = shown(plots.curves(RUN, title="t", y_label="y"))
    assert "var(--q-reward, #D55E00)" in markup
    assert "currentColor" in markup
    assert not re.search(r'(fill|stroke)="(#|black|white)', markup), "a color that does not follow dark mode"
    strip, _ = shown(plots.token_strip(UNIFORM))
    assert "var(--q-accent-fill, #E69F00)" in strip
    for element in tree.iter():
        assert element.get("style") is None or element.tag == "svg"


def test_show_leaves_nothing_that_leaks_into_the_page():
    markup, tree = shown(plots.curves(RUN))
    assert "<style" not in markup
    assert "metadata" not in markup
    assert "xlink" not in markup
    assert {e.get("id") for e in tree.iter() if e.get("id")} == set(re.findall(r"[(\"]#([\w-]+)", markup))


def test_ids_of_two_figures_differ():
    ids = [set(re.findall(r' id="([^"]+)"', shown(plots.curves(RUN), alt)[0])) for alt in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_show_is_small_and_coordinates_are_rounded():
    markup, _ = shown(plots.curves({name: np.resize(values, 301) for name, values in RUN.items()}))
    assert len(markup) < 30_000
    assert not re.search(r"\d\.\d{3}", markup)


def test_text_is_legible_on_a_phone():
    _, tree = shown(plots.curves(RUN, title="t", y_label="y"))
    width = float(tree.get("viewBox").split()[2])
    sizes = [float(t.get("font-size").removesuffix("px")) for t in tree.iter("text")]
    assert min(sizes) * 343 / width >= 9.5


def test_long_titles_wrap():
    words = "the policy without a detached copy of itself moves its weights and learns nothing at all"
    ax = plots.curves(RUN, title=words)
    lines = ax.get_title(loc="left").split("\n")
    assert len(lines) == 2
    assert " ".join(lines) == words


def test_level_stretches_cost_nothing():
    flat, _ = shown(plots.curves({"optimum": np.ones(300)}))
    assert len(flat) < 5_000


def test_pyplot_figures_are_closed():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    fig, ax = plt.subplots()
    ax.plot([0, 1])
    plots.show(fig, caption="c", alt="a")
    assert plt.get_fignums() == before


def test_style_does_not_leak():
    import matplotlib

    before = matplotlib.rcParams["axes.spines.top"]
    plots.curves(RUN)
    assert matplotlib.rcParams["axes.spines.top"] == before
    with plots.style():
        assert matplotlib.rcParams["svg.hashsalt"] == RC["svg.hashsalt"]


def test_lines_of_code_stand_in_their_order_and_new_ones_are_marked():
    ax = plots.code_lines("# a name\n  same\n- gone\n+ new\n  end")
    heights = {text.get_text(): ax.transData.transform(text.get_position())[1] for text in ax.texts}
    lines = ["a name", "same", "gone", "new", "end"]
    assert sorted(lines, key=heights.get, reverse=True) == lines
    (mark,) = (patch.get_window_extent() for patch in ax.patches)
    assert [line for line in lines if mark.y0 < heights[line] < mark.y1] == ["new"]


def test_names_at_lines_are_apart_in_the_layout_that_is_drawn():
    fig, axes = plots.figure(height=6, rows=3)
    for ax in axes:
        ax.set(ylim=(0, 1), xlabel="a label", title="a title")
        plots.end_labels(ax, [(1, 0.45, "one", "black"), (1, 0.5, "other", "black")], size=11)
    settle_all(fig)
    fig.draw_without_rendering()
    for ax in axes:
        places = [72 / fig.dpi * ax.transData.transform(text.xy)[1] + text.xyann[1] for text in ax.texts]
        assert places[1] - places[0] == pytest.approx(1.2 * 11, abs=0.05)
