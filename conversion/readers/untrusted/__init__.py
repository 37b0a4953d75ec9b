"""Limits on what a model file may ask for: names, calls, sizes, code."""
