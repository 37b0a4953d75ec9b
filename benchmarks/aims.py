"""What is aimed at: multiples of gradient x input of the Keras model, and how many times as long a peer may take."""

AIMS = {
    "rescale": {"basset": 1.0, "bpnet": 0.6, "vgg": 1.1, "resnet50": 1.0},
    "rescale_each": {"basset": 1.4, "bpnet": 0.8, "vgg": 1.55, "resnet50": 1.5},
    "rescale_20": {"basset": 1.05, "bpnet": 0.65, "vgg": 1.1, "resnet50": 1.1},
    "genomics_default": {"basset": 1.1, "bpnet": 0.65, "vgg": 1.15, "resnet50": 1.05},
    "reveal_cancel": {"basset": 2.1, "bpnet": 1.3, "vgg": 2.35, "resnet50": 2.2},
    "ten_targets": {"basset": 0.55, "bpnet": 0.6, "vgg": 0.55, "resnet50": 0.6},
    "against_own": dict.fromkeys(("basset", "bpnet", "vgg", "resnet50"), 1.1),
}
PEER_AIMS = {
    "shap_20": dict.fromkeys(("basset", "bpnet", "vgg", "resnet50"), 2.3),
    "captum_each": {"basset": 4.0, "bpnet": 4.0, "vgg": 3.0, "resnet50": 3.0},
    "captum_20": {"basset": 4.0, "bpnet": 4.0, "vgg": 3.0, "resnet50": 3.0},
    "tangermeme_20": {"basset": 4.0, "bpnet": 4.0},
}
