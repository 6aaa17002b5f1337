"""Runs on a Ray cluster: pages are read on its nodes, everything is written by the driver."""
