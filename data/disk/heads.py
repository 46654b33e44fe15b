"""The heads of NumPy's files, which are read one at a time.

NumPy reads them by Python's own parser, which threads of CPython 3.11 can't use at once: it then fails with "AST
constructor recursion depth mismatch", and a sound file would be told as damaged.
"""

from threading import RLock

READING = RLock()
