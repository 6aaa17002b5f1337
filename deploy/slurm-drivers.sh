#!/bin/bash
# Sixteen drivers on two nodes of eight GPUs, no Ray: each takes documents that no other has. sbatch deploy/slurm-drivers.sh
# Afterwards, by anyone: deepseek-ocr merge --output /shared/out
#SBATCH --job-name=ocr --nodes=2 --ntasks-per-node=8 --gpus-per-task=1 --cpus-per-task=16 --requeue --signal=TERM@300
set -euo pipefail
# In a container (Apptainer): apptainer build ocr.sif docker-daemon://deepseek-ocr:gpu, and prefix the command with
# apptainer run --nv --bind /shared ocr.sif instead of deepseek-ocr.
srun --kill-on-bad-exit=0 bash -c 'exec deepseek-ocr pdf /shared/papers --output /shared/out \
    --set drivers.claim=true --set "drivers.name=task-${SLURM_PROCID}"'
