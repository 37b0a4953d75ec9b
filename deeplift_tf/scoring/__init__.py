"""Scoring: one call of a scoring function, from its arguments to its scores."""
