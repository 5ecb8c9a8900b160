"""A network cut in two, each half trained by a process of its own; the lower one need not wait.

    for run in halves.train(["guess, at most 2 late", "back-propagation"]):
        print(run["way"], run["right"], run["waits"])

Four layers on MNIST, as in lesson 13. Process 0 holds the two lower ones and sends up what they put out,
process 1 the two upper ones and sends back a message: the gradient in what it received. By the way

- "back-propagation" process 0 moves its weights when the message is there, and waits for it;
- "guess" it moves them at once, by synthetic gradients, and reads later whatever has come;
- "guess, at most 2 late" the same, but it takes no new batch while more than two messages are owed;
- "guess, in step" none may be owed: what one process computes, by two;
- "fixed" it never moves them, and the upper half learns what it can (a control).

Both draw the same batches from the same seed, so no label travels. The two may sit on two machines:

    torchrun --nnodes 2 --nproc-per-node 1 --rdzv-backend c10d --rdzv-endpoint FIRST:29500 -m ngpu_lib.halves.process

Source: Jaderberg et al. 2016, Decoupled neural interfaces using synthetic gradients. Departures: the
guess is a linear map of a layer's output and the label; two processes, not one for every layer.
"""

from ngpu_lib.halves.layers import WAYS
from ngpu_lib.halves.start import Halves, train

__all__ = ["WAYS", "Halves", "train"]
