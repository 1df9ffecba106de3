"""A pool that takes a cluster from no GPU node to several and back, on Ray's provider of pretended machines."""
