"""The graph of DeepLIFT layers: forward and backward propagation, rule assignment, subgraphs and passes."""
