"""
How the stages of one day are run after each other: each outcome a value, each failure in words.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prefect import State

from qunflow.errors import BadInput, ConfigurationError, QunflowError
from qunflow.language import Catalogue
from qunflow.runtime.stage import StageOutcome
from qunflow.settings.params import StageParams

StageFlow = Callable[..., Any]

# Figures of people need the roster of the day; every other stage can do its work without the one before. Broken copy,
# and files that cannot be read, are told after the rosters were read, so they stop nobody else.
NEEDS: Mapping[str, tuple[str, ...]] = {"retention": ("acquisition",)}


def run_chain(
    chain: Mapping[str, StageFlow],
    forms: Mapping[str, type[StageParams]],
    params: StageParams,
    told: Callable[[str], None] = lambda stage: None,
) -> list[StageOutcome]:
    """Run stage after stage, ``told`` of each as it begins; a failed one becomes a value and stops what needs it."""
    outcomes: list[StageOutcome] = []
    for stage, flow in chain.items():
        told(stage)
        failed = {outcome.stage for outcome in outcomes if outcome.blocks}
        missing = [need for need in NEEDS.get(stage, ()) if need in failed]
        outcomes.append(_not_started(stage, missing) if missing else run_stage(stage, flow, forms[stage], params))
    return outcomes


def run_stage(stage: str, flow: StageFlow, form: type[StageParams], params: StageParams) -> StageOutcome:
    """Run one stage's flow; its failure is a value."""
    began = time.monotonic()
    state: State[Any] = flow(form(**params.model_dump()), return_state=True)
    seconds = time.monotonic() - began
    result = state.result(raise_on_failure=False)
    flow_run = str(state.state_details.flow_run_id or "")
    if isinstance(result, dict):
        return StageOutcome(stage, seconds, result, flow_run_id=flow_run)
    blocks = not isinstance(result, (ConfigurationError, BadInput))
    return StageOutcome(stage, seconds, {}, _in_words(result, state.name), blocks=blocks, flow_run_id=flow_run)


def _in_words(result: object, state: str | None) -> str:
    if isinstance(result, QunflowError):
        return str(result)
    return f"{state}: {type(result).__name__}"


def _not_started(stage: str, missing: Sequence[str]) -> StageOutcome:
    return StageOutcome(
        stage, 0.0, {}, problem=f"not started: it needs {', '.join(missing)}, which failed", blocks=True
    )


def cycle_markdown(outcomes: Sequence[StageOutcome], words: Catalogue) -> str:
    """The day's table as Markdown, for the Prefect page."""
    heads = [words.text(f"cycle.{name}") for name in ("stage", "rows_in", "rows_out", "checks", "seconds", "problem")]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(_cells(outcome, words)) + " |" for outcome in outcomes]
    return "\n".join(lines)


def _cells(outcome: StageOutcome, words: Catalogue) -> list[str]:
    summary = outcome.summary
    return [
        words.text(f"stages.{outcome.stage}"),
        str(summary.get("rows_in", "")),
        str(summary.get("rows_out", "")),
        f"{summary['checks_passed']}/{summary['checks_total']}" if summary else "",
        f"{outcome.seconds:.1f}",
        outcome.problem.replace("\n", " ").replace("|", "/"),
    ]
