"""Learning algorithms with neural networks: the library every lesson imports.

Dimension key (a tensor's name ends in the letters of its axes, in order):

    B batch            T time step          L positions (symbols, tape cells)
    W tape width       C maps (channels)    V symbols (vocabulary)
    N memory rows      M memory-row size    H hidden size
    R heads            K kernel             S shift offsets

So ``inputs_BL`` holds one symbol number per item and position, ``tape_BCWL`` is the state of a
Neural GPU and ``logits_BLV`` scores every symbol at every position.

Reading order, from the ground up; a module imports only from lines above its own (`lint-imports`
holds them to it, with the layers in pyproject.toml):

    ground      names (of unknown names), require (what an argument has to be), files (whole or not at
                all), threads, devices
    data        data (MNIST), images (batches, loss, predictions), texts (to continue)
    tasks       contract, then symbol_tasks and arithmetic, then tasks (all of them by name)
    worlds      environments (tapes to be worked by reward; needs Gymnasium)
    models      baselines, attention, cells, push (against states), ntm, neural_gpu, automata (set by hand),
                quantise
    speed       packing (batches as rows), packed (the diagonal Neural GPU, fast)
    training    schedule (phases and recipes), checkpoints, train (the loop), callbacks, optimizers, ranks
                (several processes), losses, recipes (those of the shipped weights, and their runs)
    looking     evaluate, trace, page (networks for a page), pretrained (weights and cards), recorded
                (numbers of long runs)
    apart       halves (a network cut in two, by two processes)
    many        sweep (study, trials, exchange), cluster (seeds as jobs), collect (read, count, show: what a
                class handed in)
    outside     cli (the command line), live (lessons shown live)

Beside them plots, widgets and checks: arrays in, pictures and verdicts out. They never import a
model, a task or the trainer.
"""

from importlib.metadata import PackageNotFoundError, version

from ngpu_lib import threads

threads.settle()  # before anything loads torch, which reads it then and never again

try:
    __version__ = version("ngpu-lib")
except PackageNotFoundError:  # read straight from a source folder
    __version__ = "0.0.0"
