"""Figures as plain JSON objects: for spreadsheets, scripts and comparisons."""

from __future__ import annotations

from collections.abc import Iterable

from qunflow.store.figures import Figure


def listed(figures: Iterable[Figure]) -> list[dict[str, object]]:
    """One object a figure; a value that is not due is ``null``, never 0."""
    return [
        {
            "community": figure.community,
            "stage": figure.stage,
            "name": figure.name,
            "dimensions": dict(figure.dimensions),
            "value": figure.value,
            "numerator": figure.numerator,
            "denominator": figure.denominator,
            "as_of": figure.as_of.isoformat(),
            "unit": figure.unit,
            "source": figure.source,
        }
        for figure in figures
    ]
