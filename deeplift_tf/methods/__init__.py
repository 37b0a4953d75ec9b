"""Other attribution methods, on the same network, with the same arguments and the same `Scores`.

`METHODS` holds all of them by the names that `compare` and the command line know.
"""

from deeplift_tf.methods.call import Options as Options
from deeplift_tf.methods.cam import grad_cam as grad_cam
from deeplift_tf.methods.cam import grad_cam_plus_plus as grad_cam_plus_plus
from deeplift_tf.methods.cam import guided_grad_cam as guided_grad_cam
from deeplift_tf.methods.cam import rsi_grad_cam as rsi_grad_cam
from deeplift_tf.methods.deep_shap import Explanation as Explanation
from deeplift_tf.methods.deep_shap import deep_shap as deep_shap
from deeplift_tf.methods.deep_shap import explanation as explanation
from deeplift_tf.methods.gradients import deconvnet as deconvnet
from deeplift_tf.methods.gradients import deeplift as deeplift
from deeplift_tf.methods.gradients import gradient as gradient
from deeplift_tf.methods.gradients import gradient_times_input as gradient_times_input
from deeplift_tf.methods.gradients import guided_backprop as guided_backprop
from deeplift_tf.methods.noise import smoothgrad as smoothgrad
from deeplift_tf.methods.path import expected_gradients as expected_gradients
from deeplift_tf.methods.path import integrated_gradients as integrated_gradients
from deeplift_tf.methods.perturbation import in_silico_mutagenesis as in_silico_mutagenesis
from deeplift_tf.methods.perturbation import occlusion as occlusion
from deeplift_tf.methods.smoothed import smoothed as smoothed
from deeplift_tf.methods.table import METHODS as METHODS
from deeplift_tf.methods.table import WITHOUT_REFERENCES as WITHOUT_REFERENCES
from deeplift_tf.methods.table import method_named as method_named
from deeplift_tf.methods.table import name_of as name_of
from deeplift_tf.methods.table import register as register
