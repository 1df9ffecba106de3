"""One look and one way to name files."""

import pytest
from matplotlib.axes import Axes

from advgen_ray.report import style
from advgen_ray.report.style import draw, file_name


@pytest.mark.parametrize(
    ("text", "name"),
    [("PGD (8/255)", "pgd-8-255"), ("KD+BU", "kd-bu"), ("one, held", "one-held"), ("l2_mean", "l2-mean"), ("  ", "")],
)
def test_names_become_files(text: str, name: str) -> None:
    assert file_name(text) == name


@pytest.mark.parametrize("text", ["us_$5_front → us_$10_front", "a$\\foo$b", "$x"])
def test_a_dollar_is_a_dollar(text: str) -> None:
    """Not the mark of mathematics: a class may be called so."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1])
        axes.set_title(text)
        axes.set_xticks([0, 1], [text, text])

    def without(axes: Axes) -> None:
        axes.plot([0, 1])
        axes.set_title(text.replace("$", ""))
        axes.set_xticks([0, 1], [text.replace("$", "")] * 2)

    glyph = b'<path id="DejaVuSans-7"'  # the outline of a dollar, which is the seventh of the font
    bold = b'<path id="DejaVuSans-Bold-7"'
    shown = draw("n", "a", (6, 4), paint).svg
    assert glyph in shown
    assert bold in shown
    assert glyph not in draw("n", "a", (6, 4), without).svg


@pytest.mark.parametrize(
    ("scale", "limits", "labels"),
    [
        ("log", (1e-3, 100), {"10⁻³", "10⁻¹", "10⁰", "10²"}),
        ("log", (2, 7), {"2×10⁰", "4×10⁰"}),
        ("symlog", (-100, 100), {"\N{MINUS SIGN}10²", "0", "10²"}),
    ],
)
def test_powers_are_raised_without_mathematics(
    scale: str, limits: tuple[float, float], labels: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: set[str] = set()
    said = style._PlainPowers.__call__

    def heard(self: style._PlainPowers, x: float, pos: int | None = None) -> str:
        found.add(text := said(self, x, pos))
        return text

    monkeypatch.setattr(style._PlainPowers, "__call__", heard)
    draw("n", "a", (6, 4), lambda axes: axes.set(xscale=scale, xlim=limits)).draw()
    assert found >= labels
    assert not any(mark in text for text in found for mark in "$\\{^")
