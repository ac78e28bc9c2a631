"""Whether a runbook can be run safely: a file a kind of rule, a function a rule, all listed in ``rules``."""

from policies.lint.rules import RULES, lint
from policies.lint.worst_case import StepWrites, WorstCase, worst_case

__all__ = ["RULES", "StepWrites", "WorstCase", "lint", "worst_case"]
