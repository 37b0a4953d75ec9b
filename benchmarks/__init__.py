"""How fast scoring is, against prediction, gradients and other packages: `python -m benchmarks`."""
