"""Targets that are only a world in memory, behind the same port and under the same contract tests."""
