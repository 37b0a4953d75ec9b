"""Graph building: turns the layers that converters declare into a graph with names and shapes."""
