"""Adversarial perturbations: a geometry, an objective and the one loop that ascends it."""
