"""SQL without a connection: text and values in, text, values and frames out."""
