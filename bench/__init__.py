"""Measurements: each module makes its load, runs it, and compares with a bound that cites the runs it came from.

`python -m bench` runs them all and prints the table of docs/performance.md. Every figure is a ratio, or stands beside
what it was measured against in the same run.
"""
