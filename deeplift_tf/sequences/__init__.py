"""Biological sequences: alphabets, and the axis of an array that holds the letters."""
