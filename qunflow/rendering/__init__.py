"""
Copy turned into the text that goes out: templates, playbooks, and the lint before approval.

``Templates`` finds and renders; ``lint`` judges a finished message; ``pages`` is the separate, trusted environment of
the report and the web pages.
"""

from qunflow.rendering.lint import BannedWord, Finding, lint
from qunflow.rendering.pages import pages
from qunflow.rendering.templates import Templates

__all__ = ["BannedWord", "Finding", "Templates", "lint", "pages"]
