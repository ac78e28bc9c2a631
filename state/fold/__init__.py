"""The fold: what the entries of a run say, as one value; ``fold(entries)`` is ``apply`` of one after another.

``runs`` holds what concerns the run as a whole, ``operations`` what concerns its writes, ``humans`` what
people said. Each is a table of one function an entry kind. Nothing here decides anything.
"""

from state.fold.reduce import apply, fold

__all__ = ["apply", "fold"]
