"""DeepLIFT layers: each states its function, and its kind states how scores pass through it."""

from deeplift_tf.deprecation import renamed as _renamed
from deeplift_tf.layers.base import Layer as Layer
from deeplift_tf.layers.base import Step as Step
from deeplift_tf.layers.conv_transpose import ConvTranspose as ConvTranspose
from deeplift_tf.layers.convolution import Conv as Conv
from deeplift_tf.layers.dense import Dense as Dense
from deeplift_tf.layers.dense import EinsumDense as EinsumDense
from deeplift_tf.layers.depthwise import DepthwiseConv as DepthwiseConv
from deeplift_tf.layers.functional import LinearFunction as LinearFunction
from deeplift_tf.layers.functional import MaxFunction as MaxFunction
from deeplift_tf.layers.functional import Product as Product
from deeplift_tf.layers.functional import RoutingFunction as RoutingFunction
from deeplift_tf.layers.kinds import Elementwise as Elementwise
from deeplift_tf.layers.kinds import Linear as Linear
from deeplift_tf.layers.kinds import Maximum as Maximum
from deeplift_tf.layers.kinds import Routing as Routing
from deeplift_tf.layers.kinds import Secant as Secant
from deeplift_tf.layers.merging import Add as Add
from deeplift_tf.layers.merging import Average as Average
from deeplift_tf.layers.merging import Concatenate as Concatenate
from deeplift_tf.layers.merging import Contraction as Contraction
from deeplift_tf.layers.merging import Largest as Largest
from deeplift_tf.layers.merging import Multiply as Multiply
from deeplift_tf.layers.merging import Smallest as Smallest
from deeplift_tf.layers.merging import Subtract as Subtract
from deeplift_tf.layers.non_differentiable import Embedding as Embedding
from deeplift_tf.layers.non_differentiable import NonDifferentiable as NonDifferentiable
from deeplift_tf.layers.normalization import Scale as Scale
from deeplift_tf.layers.norms import Norm as Norm
from deeplift_tf.layers.norms import UnitNorm as UnitNorm
from deeplift_tf.layers.path import Path as Path
from deeplift_tf.layers.pooling import AveragePooling as AveragePooling
from deeplift_tf.layers.pooling import Max as Max
from deeplift_tf.layers.pooling import MaxPooling as MaxPooling
from deeplift_tf.layers.pooling import Mean as Mean
from deeplift_tf.layers.reshaping import AxisMaps as AxisMaps
from deeplift_tf.layers.reshaping import Crop as Crop
from deeplift_tf.layers.reshaping import ExpandAxis as ExpandAxis
from deeplift_tf.layers.reshaping import Identity as Identity
from deeplift_tf.layers.reshaping import Pad as Pad
from deeplift_tf.layers.reshaping import Permute as Permute
from deeplift_tf.layers.reshaping import Repeat as Repeat
from deeplift_tf.layers.reshaping import Reshape as Reshape
from deeplift_tf.layers.several_axes import SeveralAxes as SeveralAxes
from deeplift_tf.layers.softmax import LogSoftmax as LogSoftmax
from deeplift_tf.layers.softmax import LogSumExp as LogSumExp
from deeplift_tf.layers.softmax import Softmax as Softmax
from deeplift_tf.layers.softmax import Sparsemax as Sparsemax

_RENAMED = {
    "Choice": "deeplift_tf.layers.functional:MaxFunction",
    "Diagonal": "deeplift_tf.layers.kinds:Routing",
    "Mixture": "deeplift_tf.layers.functional:LinearFunction",
    "Rearrangement": "deeplift_tf.layers.functional:RoutingFunction",
    "Side": "deeplift_tf.layers.non_differentiable:NonDifferentiable",
}


def __getattr__(name: str) -> object:
    return _renamed(__name__, name, _RENAMED)
