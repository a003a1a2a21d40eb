#!/bin/bash
# Parts of an archive, one for each task: sbatch slurm_array.sh SCANS.csv OUT
# Once more for two tasks that failed: sbatch --array=17,42 slurm_array.sh SCANS.csv OUT
#SBATCH --job-name=infnet
#SBATCH --array=0-99
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --time=08:00:00
#SBATCH --signal=TERM@60
#SBATCH --requeue
#SBATCH --open-mode=append

# The number of parts stays that of the first call, whichever tasks are started again.
srun infnet segment --manifest "$1" -o "$2" --part "auto/${PARTS:-100}" --scan-timeout 1800
