"""Charts: pure strings that any browser, mail or Markdown page can show."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

import pytest

from qunflow.report.charts import (
    Bar,
    FunnelRow,
    HeatMean,
    HeatRow,
    Part,
    as_data_uri,
    bars_svg,
    columns_svg,
    funnel_svg,
    heatmap_svg,
    sparkline_svg,
)

HOSTILE = '</svg><script>alert("1")</script>&'
SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: str) -> ElementTree.Element:
    """The picture as a tree; fails when it is not well-formed."""
    return ElementTree.fromstring(picture)


def words(picture: str) -> list[str]:
    """Every text a reader sees."""
    return [element.text or "" for element in drawn(picture).iter(f"{SVG}text")]


def all_charts(name: str) -> list[str]:
    """One of each chart with a name in every place a name can stand."""
    return [
        funnel_svg([FunnelRow(name, (10, 5, None), name)], steps=(name, "b", "c"), title=name, not_due=name),
        heatmap_svg([HeatRow(name, 3, (0.5, None))], columns=(name, "b"), title=name, corner=name),
        bars_svg([Bar(name, (Part(name, 3, "good"), Part("x", 1, "bad")), name)], title=name),
        columns_svg([(name, 3.0), ("b", None)], title=name),
        sparkline_svg([1, 2, 3], title=name),
    ]


@pytest.mark.parametrize("picture", all_charts(HOSTILE))
def test_hostile_names_stay_text(picture: str) -> None:
    """A group name that looks like markup can break no chart: no script element is ever made of it."""
    assert not list(drawn(picture).iter(f"{SVG}script"))


@pytest.mark.parametrize("picture", all_charts("电梯海报"))
def test_every_chart_can_be_read_aloud_and_needs_nothing_else(picture: str) -> None:
    """It has a role, a spoken title and its own size, and loads nothing."""
    root = drawn(picture)
    assert (root.get("role"), root.get("aria-label"), root.findtext(f"{SVG}title")) == ("img", "电梯海报", "电梯海报")
    assert float(root.get("width", "0")) > 0
    assert picture.count("http") == 1  # the name of the SVG language itself
    assert not {"style", "script", "image", "use"} & {element.tag.removeprefix(SVG) for element in root.iter()}


@pytest.mark.parametrize("picture", all_charts("x"))
def test_a_data_uri_holds_the_same_picture(picture: str) -> None:
    """Markdown pages show the chart as an image, on a light ground even where the page is dark."""
    head, _, body = as_data_uri(picture).partition(",")
    framed = ElementTree.fromstring(base64.b64decode(body))
    ground, inner = framed

    assert head == "data:image/svg+xml;base64"
    assert (ground.tag, ground.get("fill")) == (f"{SVG}rect", "#ffffff")
    assert float(framed.get("width", "0")) > float(inner.get("width", "0"))
    assert [element.tag for element in inner.iter()] == [element.tag for element in drawn(picture).iter()]


@pytest.mark.parametrize(
    "picture",
    [
        funnel_svg([]),
        heatmap_svg([], columns=()),
        bars_svg([], title="t"),
        columns_svg([], title="t"),
        sparkline_svg([], title="t"),
        sparkline_svg([4], title="t"),
        funnel_svg([FunnelRow("a", (0, 0))], steps=("x", "y")),
        heatmap_svg([HeatRow("a", 0, (0.0, 0.0))], columns=("x", "y")),
        bars_svg([Bar("a", ())], title="t"),
        columns_svg([("a", 0.0)], title="t"),
    ],
)
def test_nothing_and_zero_can_be_drawn(picture: str) -> None:
    """No rows, one point and zeros give a picture, not an error or a number that is none."""
    drawn(picture)
    assert "nan" not in picture
    assert "inf" not in picture


def test_a_cell_that_is_not_due_is_marked_and_never_zero() -> None:
    """A blank dashed cell where the window has not passed, told to pointer and reader; a real 0 is 0%."""
    picture = heatmap_svg([HeatRow("01-05", 40, (0.0, None))], columns=("1 日", "30 日"))
    assert words(picture) == ["", "1 日", "30 日", "01-05", "n=40", "0%"]
    assert picture.count("stroke-dasharray") == 1
    assert "01-05 30 日 未到期</title>" in picture


def test_the_mean_says_over_how_many_and_is_blank_where_nothing_has_come_due() -> None:
    """One weighted rate a column with its note; a column nobody has reached has neither."""
    means = (HeatMean(0.5, "2 批"), HeatMean(None, "0 批"))
    told = words(heatmap_svg([HeatRow("a", 9, (0.5, None))], columns=("x", "y"), means=means, means_label="合计"))
    assert told[-3:] == ["合计", "50%", "2 批"]


def test_many_columns_keep_not_due_cells_marked() -> None:
    """Where the words no longer fit, the cell still says it to pointer and reader."""
    picture = heatmap_svg([HeatRow("a", 9, (None,) * 14)], columns=[str(n) for n in range(14)])
    assert picture.count("未到期</title>") == 14


def test_funnel_bars_shrink_from_step_to_step() -> None:
    """The width of each step is its share of the widest."""
    root = drawn(funnel_svg([FunnelRow("a", (200, 100, 50))], steps=("x", "y", "z")))
    bars = [float(r.get("width", "0")) for r in root.iter(f"{SVG}rect") if r.find(f"{SVG}title") is not None]
    assert bars == [360, 180, 90]


def test_a_narrow_band_of_rates_can_be_told_apart() -> None:
    """95 % and 85 % get clearly different colours when nothing lower is shown."""
    root = drawn(heatmap_svg([HeatRow("a", 99, (0.95, 0.85))], columns=("x", "y")))
    fills = [r.get("fill", "") for r in root.iter(f"{SVG}rect")]
    assert abs(int(fills[0][1:3], 16) - int(fills[1][1:3], 16)) > 60
