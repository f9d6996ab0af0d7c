"""Representational similarity analysis: dissimilarities with labels, compared and modeled."""
