"""Speed as ratios against a named peer, measured side by side in one run: `make bench`."""
