"""Drains loads: claims calls, fetches, commits. Any number of processes may do it at once."""
