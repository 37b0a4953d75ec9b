"""What a file may ask for: names, calls, sizes, code."""
