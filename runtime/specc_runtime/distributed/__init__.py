"""One step trained by several processes, each on a part of every global batch.

The process that was given the step is rank 0. It launches the others itself (`launch`), and they
end with it. Rank 0 drives: it runs the same loop as a process alone does, with a learner that tells
the others what to do next (`lead`), and they do it (`follow`). So there is one loop, one log and one
set of checkpoints, all ranks stop at the same training step, and what a step leaves does not say how
many processes made it.

What is on the wire:

    orders      rank 0 -> others, 4 numbers before each piece of work, over gloo on the CPU
    gradients   all -> all, summed; gloo on CPUs, NCCL between GPUs

Gradients are summed here and not by `DistributedDataParallel`, which averages: the loss is already
divided by the targets of the global batch, so a plain sum is the gradient, for any number of ranks
and however unevenly targets lie. It is one pass over flat buckets after the last micro-batch.

From a billion parameters on, weights, gradients and optimizer state are sharded over the ranks by
`fully_shard` (`sharded`). Checkpoints hold whole tensors either way, so that a step can go on with
another number of ranks.
"""
