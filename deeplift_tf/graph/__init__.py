"""The graph of DeepLIFT layers: values forward, multipliers back, which layer follows which rule."""
