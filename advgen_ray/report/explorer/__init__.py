"""A page on which every counterfactual of a set can be looked at: columns, sheets of pictures, page, its scripts."""
