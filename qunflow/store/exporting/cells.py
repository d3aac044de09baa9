r"""
Texts in cells: none of them is a formula, and each can be had back.

A spreadsheet computes what begins with ``=``, ``+``, ``-`` or ``@``, some also in the full-width forms an input method
writes, and some after blanks. It takes a long run of digits for a number and forgets its end. Such a text gets an
apostrophe before it, the spreadsheets' own mark for "this is text"; one that begins with an apostrophe gets another, so
that ``restored`` is exact. The same holds behind line breaks, tabs and semicolons, where a program that was told of
other separators sees another cell begin.

Source: OWASP, "CSV Injection"; ECMA-376, part 1, 22.9.2.19 (``_xHHHH_`` for characters XML cannot hold).
"""

from __future__ import annotations

import re

MARK = "'"
# What Excel holds in a cell.
MOST_IN_A_CELL = 32_767

_BREAKS = "\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029;；"
_BLANKS = (
    " \x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180e\u2000-\u200f"
    "\u202a-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef"
)
_COMPUTED = "=＝﹦⁼₌+＋﹢⁺₊\\-－﹣⁻₋−@＠﹫"
_ERRORS = r"#(?:NULL!|DIV/0!|VALUE!|REF!|NAME\?|NUM!|N/A|GETTING_DATA)"
_BEGINS = f"(?:^|(?<=[{_BREAKS}]))"
_POWERFUL = re.compile(rf"^(?=[\t\r\n\x00])|^(?={_ERRORS}\Z)|{_BEGINS}(?=[{_BLANKS}]*[{_COMPUTED}{MARK}])")
# More digits than a spreadsheet keeps, zeros it drops, powers of ten and days it would make of them.
_NUMBER_LIKE = re.compile(
    r"\A\s*(?:\d[\d,.]{11,}|0[\d.]+|[\d.]+[eE]\d+|\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?|\d{1,2}(?::\d{2}){1,2})\s*\Z",
    re.ASCII,
)
_HALF = re.compile("[\ud800-\udfff]")
_MARKED = re.compile(f"{_BEGINS}{MARK}")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_CUT_ESCAPE = re.compile(r"_(?:x[0-9A-F]{0,4})?\Z")


def neutral(text: str) -> str:
    """A text that no spreadsheet computes; half a character, which no file can hold, becomes "\ufffd"."""
    return _POWERFUL.sub(MARK, _HALF.sub("\ufffd", text))


def in_csv(text: str) -> str:
    """A text as a field of a CSV file, where nothing but its look says that it is one."""
    written = neutral(text)
    return MARK + written if _NUMBER_LIKE.match(text) and not written.startswith(MARK) else written


def in_excel(text: str) -> str:
    """A text as the string of an Excel cell; what no cell can hold is cut off and ends in "…"."""
    written = _NOT_IN_XML.sub(_escape, neutral(text))
    if len(written) <= MOST_IN_A_CELL:
        return written
    return _CUT_ESCAPE.sub("", written[: MOST_IN_A_CELL - 1]) + "…"


def restored(cell: str) -> str:
    """The text that ``in_csv`` was given, or ``neutral``."""
    return _MARKED.sub("", cell)


def restored_from_excel(cell: str) -> str:
    """The text that ``in_excel`` was given, unless it was cut."""
    return restored(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), cell))


def _escape(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"
