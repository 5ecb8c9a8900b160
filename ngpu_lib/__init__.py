"""Learning algorithms with neural networks: the library every lesson imports.

Dimension key (a tensor's name ends in the letters of its axes, in order):

    B batch            T time step          L positions (symbols, tape cells)
    W tape width       C maps (channels)    V symbols (vocabulary)
    N memory rows      M memory-row size    H hidden size
    R heads            K kernel             S shift offsets

So ``inputs_BL`` holds one symbol number per item and position, ``tape_BCWL`` is the state of a
Neural GPU and ``logits_BLV`` scores every symbol at every position.

Reading order: data, tasks, baselines, cells, neural_gpu, fast, optimizers, train, recipes, evaluate,
trace, plots, checks, sweep, cli. Imports run one way: plots, widgets and checks never import a model, a
task or the trainer.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("ngpu-lib")
except PackageNotFoundError:  # read straight from a source folder
    __version__ = "0.0.0"
