"""Procrustes: rotations that bring several systems together, and what is left: arrays only."""
