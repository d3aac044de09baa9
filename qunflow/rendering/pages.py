"""
The trusted templates of the report and the web pages: HTML, escaped by default, never overridden by a workspace.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qunflow.settings.paths import builtin_templates


@cache
def pages() -> Environment:
    """The environment for ``report/…`` and ``web/…`` templates; a missing variable is an error."""
    return Environment(
        loader=FileSystemLoader(builtin_templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
