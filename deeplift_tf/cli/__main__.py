"""``python -m deeplift_tf.cli`` is ``deeplift-tf``."""

from deeplift_tf.cli import main

main()
