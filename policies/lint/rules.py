"""Which rules there are, in the order in which they are asked; every one is asked, and every problem told."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from policies.contract import ToolContract
from policies.errors import Problem
from policies.lint import calls, checks, limits, names, writes
from policies.lint.subject import Subject
from policies.runbook import Runbook
from policies.yaml_tree import Document

Rule = Callable[[Subject], Iterator[Problem]]

RULES: Final[tuple[Rule, ...]] = (
    calls.tools_known,
    calls.tools_granted,
    calls.reads_only_read,
    calls.arguments_fit,
    names.names_free,
    names.ids_unique,
    names.expressions_known,
    names.templates_known,
    names.inputs_known,
    writes.writes_complete,
    writes.doubles_settled,
    writes.resends_harmless,
    writes.leaving_allowed,
    writes.resource_held,
    writes.arguments_from_where_they_may,
    writes.unreadable_said,
    writes.models_typed,
    checks.checks_observe,
    checks.identities_look,
    checks.probes_look,
    checks.preconditions_use_reads,
    checks.completion_means_something,
    limits.writes_enough,
    limits.deadline_enough,
    limits.lists_bounded,
    limits.rollback_possible,
    limits.checks_have_time,
    limits.inputs_closed,
)


def lint(
    runbook: Runbook, contracts: Mapping[str, ToolContract], document: Document | None = None
) -> list[Problem]:
    """List why a runbook cannot be run safely with these tools, and warnings, in the order of the file.

    An empty list, or one of warnings only, lets it be approved. ``document`` gives problems their place.
    """
    where = document or Document(file=f"{runbook.id}.yaml", value=None, marks={})
    subject = Subject(runbook, contracts, where)
    found = dict.fromkeys(problem for rule in RULES for problem in rule(subject))
    return sorted(found, key=lambda p: (p.line, p.column, p.code))
