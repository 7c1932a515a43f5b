"""The run host: a process that loads one pipeline file and carries out one run, controlled by JSON lines.

It knows nothing of the control room but these lines. `__main__` reads them, `job` does the work.
"""
