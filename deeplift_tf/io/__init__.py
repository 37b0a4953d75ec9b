"""Input and output: rows to be scored, references, and files of scores."""
