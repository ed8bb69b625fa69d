"""Sweeps: many runs of one config, started, watched and compared. The truth about each is in its run folder."""
