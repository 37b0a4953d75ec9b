"""From what a converter says of a layer to a graph with names and shapes."""
