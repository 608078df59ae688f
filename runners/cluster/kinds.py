"""What kinds of pumps do."""

FETCHING = frozenset({"sarra", "subscribe"})
"""Kinds that fetch files and put them below the data root."""

REMEMBERING = FETCHING | {"winnow"}
"""Kinds that remember what was news."""
