"""Runs in a browser while they train: read from their folders alone, and never written to."""
