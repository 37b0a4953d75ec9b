"""Runs: rows are read, scored batch by batch, and written. Independent of the command line.

Source (rows and their references) -> engine (batches to named arrays, in order) -> output (a file or a folder that
appears when it is whole).
"""
