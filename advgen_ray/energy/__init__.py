"""A classifier read as an energy-based model."""
