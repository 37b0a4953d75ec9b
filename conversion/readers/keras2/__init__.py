"""Files of Keras 1 and 2."""
