"""The run folder: spec, status, metrics, checkpoints."""
