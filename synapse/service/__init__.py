"""Synapse as a service of the person: started when they sign in, and again after a crash, by the system's own manager.

A module for each manager; which one is here says `here`. What it is to start is a `Job`.
"""
