"""Whole runs that are killed, cut off and moved, each compared with an undisturbed one."""
