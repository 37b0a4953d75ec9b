"""Networks, which a user converts and compiles, and ensembles of networks."""

from deeplift_tf.network.network import LayerRow, Members, Network, Origin, render

__all__ = ["LayerRow", "Members", "Network", "Origin", "render"]
