"""What others publish, read into our messages. Pure."""
