"""Labelled image sets behind one interface, batched augmentation, and the order in which training sees them."""
