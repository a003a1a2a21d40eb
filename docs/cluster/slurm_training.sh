#!/bin/bash
# One training by two nodes of four GPUs each: sbatch slurm_training.sh DATA OUT
#SBATCH --job-name=infnet-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gres=gpu:4
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --requeue

BUNDLE=${BUNDLE:-bundles/infnet_res2net50}
FIRST=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

# torchrun starts a process for each GPU of a node. A job that starts again resumes from the last epoch.
RESUME=$([ -f "$2/models/last.pth" ] && echo true || echo false)
srun torchrun --nnodes "$SLURM_NNODES" --nproc_per_node "${GPUS:-4}" \
    --rdzv_id "$SLURM_JOB_ID" --rdzv_backend c10d --rdzv_endpoint "$FIRST:29500" \
    -m monai.bundle run training \
    --config_file "['$BUNDLE/configs/train.json','$BUNDLE/configs/multi_gpu_train.json']" --bundle_root "$BUNDLE" \
    --dataset_dir "$1" --ckpt_dir "$2/models" --output_dir "$2/eval" --resume "$RESUME"
