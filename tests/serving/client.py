"""A process that knows TensorFlow alone: loads SavedModels and answers the requests in .npz files.

Its arguments are the folder of each model; beside it stand request.npz and, afterwards, answer.npz.
"""

import sys


class Block:
    """Refuses to import what an exported function must not need."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name.split(".")[0] == "deeplift_tf":
            raise ImportError(f"{name} is not installed")


sys.meta_path.insert(0, Block())

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

for folder in sys.argv[1:]:
    loaded = tf.saved_model.load(folder)
    request = {name: tf.constant(value) for name, value in np.load(f"{folder}.request.npz").items()}
    answer = loaded.signatures["score"](**request)
    default = loaded.signatures["serving_default"](**request)
    predict = loaded.signatures["predict"]
    names = predict.structured_input_signature[1]
    (predictions,) = predict(**{name: request[name] for name in names}).values()
    np.savez(
        f"{folder}.answer.npz",
        predictions=predictions.numpy(),
        **{f"score.{name}": value.numpy() for name, value in answer.items()},
        **{f"default.{name}": value.numpy() for name, value in default.items()},
    )
try:
    import deeplift_tf  # noqa: F401
except ImportError:
    print("deeplift_tf is not there")
