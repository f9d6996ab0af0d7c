"""Models: from stimuli to labelled activations, one layer at a time."""
