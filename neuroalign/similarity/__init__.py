"""Measures of how alike two systems represent the same stimuli."""
