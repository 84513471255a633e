"""Steps as Slurm jobs: a ZenML step operator over ``sbatch``, here or on a login node."""
