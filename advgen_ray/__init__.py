"""Adversarial training meets generative modelling: maths in PyTorch, distributed by Ray."""

__version__ = "0.1.0"
