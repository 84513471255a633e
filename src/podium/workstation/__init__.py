"""One machine with GPUs as a Slurm cluster of one node, for its user alone: trainings wait for a GPU, or share one."""
