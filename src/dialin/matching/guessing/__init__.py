"""First guesses: which effects, in which order, at which settings, before any search."""
