"""Files of sequence scores for other tools: one module for each format, and `table`, which names them."""
