"""The only importers of ray: cluster and resources, the training shape, the map shape."""
