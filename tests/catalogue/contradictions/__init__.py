"""Changes to what jobs say, row by row, that a claim agrees with, or that contradict it."""
