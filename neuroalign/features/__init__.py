"""From activations to the rows of a design matrix."""
