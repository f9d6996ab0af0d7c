"""Miniatures of raw datasets: one module a dataset, whose `write` makes its files in a folder."""
