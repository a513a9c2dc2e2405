"""Whole songs: mastering by knobs that are solved, and profiles of references."""
