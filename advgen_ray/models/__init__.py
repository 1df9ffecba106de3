"""Networks: each takes images in [0, 1] (or diffused ones), normalizes inside itself and knows no config."""
