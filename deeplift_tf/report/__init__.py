"""One self-contained page about the scores in a file."""

from deeplift_tf.report.page import write_report as write_report
