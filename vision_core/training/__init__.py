"""Fine-tuning: configuration, the loop (a generator of epoch records), checkpoints, background jobs.

run = create_run(make_config("photos/", "classification", "tf_efficientnet_lite0", preset="instant"))
for record in train(run):
    print(record["epoch"], record["metrics"])
"""

from vision_core.allocator import tune_allocator

tune_allocator()  # before torch allocates: keeps freed memory, which makes a step on a CPU up to twice as fast
