"""Conversion of Keras models, layer by layer and operation by operation."""
