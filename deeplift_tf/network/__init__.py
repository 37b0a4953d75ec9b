"""What a user holds: a network, and several as one."""

from deeplift_tf.network.network import LayerRow, Members, Network, Origin, render

__all__ = ["LayerRow", "Members", "Network", "Origin", "render"]
