"""The run host: a process that loads one pipeline file and carries out one run, told so by JSON lines.

It knows nothing of the control room but those lines; `__main__` is its door, `job` its work.
"""
