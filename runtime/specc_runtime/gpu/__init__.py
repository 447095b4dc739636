"""Training a Llama on one GPU at the speed of the GPU.

The host only prepares: it assembles the next batch, copies it over and launches kernels while the
GPU computes, and reads a loss some steps after it was computed. Nothing in the loop waits:

    batches     through pinned memory on a stream of their own (`uploads`)
    loss        one compiled function of fixed shapes (`forward`); attention within packed documents
                from block masks that the host makes of positions (`masks`)
    clipping    by the scale that fused AdamW divides gradients with; an update whose loss or norm is
                not finite is skipped by the same kernel (`updater`)
    values      copied to the host behind an event, and read when they are logged (`uploads`)

Matrices are kept in bfloat16 beside float32 weights, rounded once an update; gradients are added up in
float32. How many rows go through at once is found by trying (`micro_batch`), and whether layers are
computed again in the backward pass to make room. Float32 products stay float32: no TF32.

The same classes run on a CPU, uncompiled, which is how they are tested without a GPU.
"""
