"""
A real test company still answers as the sandbox does; only where QUNFLOW_VERIFY_WECOM=1, and reading only.

The company is the one of the workspace QUNFLOW_WORKSPACE, as for ``qunflow verify wecom``.
"""

from __future__ import annotations

import pytest

from qunflow.cli.verify import comparisons
from qunflow.settings.environment import load_environment, workspace_directory

pytestmark = pytest.mark.real_wecom


def test_a_real_company_answers_with_the_keys_and_types_of_the_sandbox() -> None:
    """No call differs; a refusal or an empty company proves nothing and is no difference either."""
    found = comparisons(load_environment(workspace_directory()), write=False)
    assert [one for one in found if one.state == "different"] == []
    assert found[0].state == "alike"
