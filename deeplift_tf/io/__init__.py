"""Reading rows to be scored, and writing scores."""
