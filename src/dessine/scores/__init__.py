"""What samples are worth: arrays in, numbers out. Which scores a data set has, and beside what, belongs to `panel.py`."""
