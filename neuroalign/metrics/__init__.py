"""Metrics: unpack labels, call the numerics, put labels back."""
