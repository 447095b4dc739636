"""Lanes: several small models of one shape trained in one process as an explicitly stacked batch.

A small model leaves a processor waiting for the next operation more than computing it. Stacked, K
models share each operation: weights are [K, out, in], activations [K, tokens, width], a linear layer
is one batched product. A lane stays a training step of its own, with its data, learning rate, log,
checkpoints and result; what it shares is the moment of its update.

choice     which models can be stacked; weights lie in a lane's flat buffer as `llama.layout` says
rotary     positions of packed rows: tables of rotations, and who attends to whom
dropping   dropout from one stream for each lane
layer      a decoder layer, forward and backward
stack      K models: losses and gradients, clipping and AdamW
lane       one model as a `Learner`, alone or in a stack
group      trains the segments of several steps together and publishes each

Notable choices:

* The backward pass is written out. An automatic one spends as long on its bookkeeping as these
  models spend on arithmetic, and gradients here land in one flat buffer that AdamW reads as it is.
* Lanes never meet in a sum: every reduction runs within one lane, and the lanes' rows are aligned
  alike. So on a CPU a lane has the same bits whoever it is stacked with, and alone.
* `torch.func.vmap` over a model gave no gain at any K: attention has no batching rule worth its name.
"""
