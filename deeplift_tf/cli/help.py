"""Help texts of methods and references, written out so that ``--help`` needs no TensorFlow."""

METHODS = (
    "deeplift, rescale, reveal-cancel, gradient, gradient-times-input, guided-backprop, deconvnet, smoothgrad, "
    "integrated-gradients, expected-gradients, deep-shap, grad-cam, grad-cam-plus-plus, guided-grad-cam, "
    "rsi-grad-cam, occlusion or in-silico-mutagenesis. Arguments follow a colon: "
    "integrated-gradients:100,quadrature=midpoint; grad-cam:LAYER; occlusion:window=3x3."
)
REFERENCES = (
    "A number; a file: .npy, .npz or .h5, or pictures; or a name: zeros, constant:0.5, mean:FILE, channel-mean:FILE, "
    "blurred:3, another-example:FILE, background-sample:FILE,20, uniform-frequencies, gc-content, shuffle:20, "
    "dinucleotide-shuffle:20, or uniform-output:start=0,steps=1000."
)
EXPORTED_METHODS = (
    "One that is a TensorFlow function: deeplift, rescale, reveal-cancel, gradient, gradient-times-input, "
    "guided-backprop, deconvnet or integrated-gradients:50."
)
EXPORTED_REFERENCES = (
    "Baked in: a number; a file: .npy, .npz or .h5; or a name: zeros, blurred:3, gc-content, uniform-frequencies, "
    "shuffle:20, dinucleotide-shuffle:20, another-example:FILE, mean:FILE, background-sample:FILE,20, "
    "uniform-output, ... By default they come with each request."
)
