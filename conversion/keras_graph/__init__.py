"""The road of Keras models: their layers and operations, one by one."""
