"""Intervals and tests on scores."""
