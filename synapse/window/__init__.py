"""Synapse in a window of its own, which pywebview draws: a process beside the control room, and one for a data folder.

It is a browser that signs itself in, remembers its place, and asks when it is closed whether Synapse goes on. However
it ends, the control room does not.
"""
