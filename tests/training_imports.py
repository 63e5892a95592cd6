"""What a training process loads, for the server that test processes are forked from."""

import gc

import faster_coco_eval  # noqa: F401
import pandas  # noqa: F401
import torch
import torchmetrics.functional.classification  # noqa: F401

import vision_core.__main__
import vision_core.training.evaluate
import vision_core.training.loop
import vision_core.training.worker  # noqa: F401

torch.set_num_threads(1)  # a pool of threads would not survive the fork
gc.freeze()
