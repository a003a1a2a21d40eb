#!/bin/bash
# An archive by a Dask cluster on SLURM, a worker for each task: sbatch dask.sh SCANS.csv OUT
#SBATCH --job-name=infnet-dask
#SBATCH --ntasks=16
#SBATCH --gpus-per-task=1
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00

dask scheduler --port 8786 &
srun --kill-on-bad-exit=0 dask worker "tcp://$(hostname):8786" --nworkers 1 --nthreads 1 --memory-limit 0 &
infnet segment --manifest "$1" -o "$2" --dask "tcp://$(hostname):8786" --scan-timeout 1800
