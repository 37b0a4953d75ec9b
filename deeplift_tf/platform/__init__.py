"""What operating systems do differently, and files as they lie on a disk: nothing above asks which system it is on.

`locks` and `descriptors` have the calls of files that Windows and macOS lack, `names` renames and removals, `atomic`
writes that are whole or not there, `memory` its size, `signals` those that end a process, `streams` what a terminal can
show, `digests` the contents of files.
"""
