"""Recordings and stimuli: from files to labelled arrays."""
