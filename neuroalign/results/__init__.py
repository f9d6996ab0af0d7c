"""Scores on disk and as tables."""
