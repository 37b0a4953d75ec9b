"""Images in files as rows to be scored. Needs the extra ``images``."""

from deeplift_tf.images.rows import ImageRows as ImageRows
from deeplift_tf.images.rows import image_paths as image_paths
from deeplift_tf.images.rows import image_rows as image_rows
from deeplift_tf.images.rows import is_images as is_images
from deeplift_tf.images.rows import read_image as read_image
