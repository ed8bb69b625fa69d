"""Pictures: arrays in, files out."""
