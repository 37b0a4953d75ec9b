"""Plots of scores. Every function returns (fig, ax) and does not show the figure; all need the extra ``plots``."""

from deeplift_tf.plots.bars import bars as bars
from deeplift_tf.plots.before_after import before_after as before_after
from deeplift_tf.plots.edges import edges as edges
from deeplift_tf.plots.heatmap import heatmap as heatmap
from deeplift_tf.plots.letter_map import letter_map as letter_map
from deeplift_tf.plots.logo import logo as logo
from deeplift_tf.plots.maps import map_of as map_of
from deeplift_tf.plots.maps import scale_of as scale_of
from deeplift_tf.plots.path import path as path
from deeplift_tf.plots.scaled import scaled_image as scaled_image
from deeplift_tf.plots.sentence import text as text
from deeplift_tf.plots.sentence import text_html as text_html
from deeplift_tf.plots.series import series as series
from deeplift_tf.plots.side_by_side import side_by_side as side_by_side
from deeplift_tf.plots.summary import summary as summary
from deeplift_tf.plots.variant import variant as variant
