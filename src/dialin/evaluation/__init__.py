"""Measuring how good results are, and what the measures mean."""
