"""Counterfactual examples: what an image would look like were it of another class, close to what it is."""
