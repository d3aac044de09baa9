"""Each report says, folded away, when not to trust its numbers."""

from __future__ import annotations

import pytest

from qunflow.language import LANGUAGES, catalogue
from qunflow.report.model import ReportData
from qunflow.report.page import GUIDE, render_html


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_guide_is_folded_below_the_legend(full: ReportData, empty: ReportData, lang: str) -> None:
    """Every line of it, and none on a page that has no number yet."""
    words = catalogue(lang)
    page = render_html([full], words, lang=lang)

    assert words.text("compare.guide_title") in page
    assert page.count("<li>", page.index('class="guide"'), page.index('class="tiles"')) == len(GUIDE)
    assert 'class="guide"' not in render_html([empty], words, lang=lang)
