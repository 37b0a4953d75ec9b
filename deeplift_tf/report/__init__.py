"""Reports about a file of scores: figures, and one self-contained HTML page."""

from deeplift_tf.report.figures import Drawing as Drawing
from deeplift_tf.report.figures import kind_of as kind_of
from deeplift_tf.report.page import write_report as write_report
from deeplift_tf.report.parts import Part as Part
from deeplift_tf.report.parts import read_annotations as read_annotations
from deeplift_tf.report.sentences import read_class_names as read_class_names
from deeplift_tf.report.sentences import read_words as read_words
from deeplift_tf.report.sentences import text_page as text_page
