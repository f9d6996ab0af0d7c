"""Dissimilarities of patterns, and how alike two sets of them are: arrays only."""
