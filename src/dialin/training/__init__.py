"""Learning: stages, losses, and gradients through effects."""
