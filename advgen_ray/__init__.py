"""Adversarial training meets generative modelling: maths in PyTorch, distributed by Ray."""

__version__ = "0.2.0"
