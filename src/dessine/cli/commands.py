"""The commands: name -> the module that has it, and what `--help` says of it."""

COMMANDS = {
    "train": ("train", "Train what a config describes."),
    "sweep": ("sweep", "Train a config many times, over a grid or a search."),
    "reproduce": ("reproduce", "Hold published tables against runs of your own."),
    "eval": ("evaluate", "Measure a saved run."),
    "diagnose": ("diagnose", "Say what is wrong with a run, and what to try."),
    "draw": ("draw", "Draw images with a run's generator."),
    "export": ("export", "Take a trained network out: a page, ONNX, PyTorch."),
    "find": ("find", "Find the latent that draws a picture best."),
    "directions": ("directions", "Show along what a generator's latent changes its images."),
    "judge": ("judge", "Pack a classification run into a file that judges samples."),
    "new": ("new", "Copy a shipped config to begin with."),
    "config": ("config", "Check, show or describe configs."),
    "watch": ("watch", "Show runs in a browser while they train."),
    "runs": ("runs", "List, compare, remove and report runs."),
    "data": ("data", "Fetch, list and look at data sets."),
    "list": ("listing", "What a config may name, with options and defaults."),
    "doctor": ("doctor", "Look at this installation and this machine."),
    "check-grad": ("check_grad", "Check a config's gradients by finite differences."),
}
