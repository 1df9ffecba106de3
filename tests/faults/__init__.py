"""Real jobs on a real cluster, killed at random again and again: ``make faults``."""
