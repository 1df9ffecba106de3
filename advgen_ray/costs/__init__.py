"""What jobs will ask of a machine, told from their configs alone, before any of them has run."""
