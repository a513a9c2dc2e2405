"""Equalisers, solved: from what they answer to impulses, by least squares."""
