"""The brain: networks with hand-written backpropagation. Knows no file, no YAML and no screen."""

from dessine.nn.activations import Activation, activations
from dessine.nn.batch_norm import BatchNorm
from dessine.nn.conditional import Condition, ConditionalBatchNorm, Embedding, Projection
from dessine.nn.constant import Constant
from dessine.nn.conv import Conv2d, Conv2dTranspose
from dessine.nn.dense import Dense
from dessine.nn.group_norm import GroupNorm
from dessine.nn.initialisers import Initialiser, initialisers
from dessine.nn.layer import Activate, Layer, Mode, layers
from dessine.nn.layer_norm import LayerNorm
from dessine.nn.maxout import Maxout
from dessine.nn.memory import keep_freed_memory
from dessine.nn.minibatch import MinibatchCloseness, MinibatchDiscrimination, MinibatchStd
from dessine.nn.network import Network
from dessine.nn.pooling import AveragePool, MaxPool
from dessine.nn.random import Dropout, Noise
from dessine.nn.residual import Residual
from dessine.nn.shaping import Downsample, Flatten, Reshape, Upsample, ZeroPad

keep_freed_memory()

__all__ = [
    "Activate",
    "Activation",
    "AveragePool",
    "BatchNorm",
    "Condition",
    "ConditionalBatchNorm",
    "Constant",
    "Conv2d",
    "Conv2dTranspose",
    "Dense",
    "Downsample",
    "Dropout",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "Initialiser",
    "Layer",
    "LayerNorm",
    "MaxPool",
    "Maxout",
    "MinibatchCloseness",
    "MinibatchDiscrimination",
    "MinibatchStd",
    "Mode",
    "Network",
    "Noise",
    "Projection",
    "Reshape",
    "Residual",
    "Upsample",
    "ZeroPad",
    "activations",
    "initialisers",
    "layers",
]
