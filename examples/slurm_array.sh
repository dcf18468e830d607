#!/bin/bash
#SBATCH --cpus-per-task=4
#SBATCH --mem=16G
#SBATCH --time=1:00:00
#SBATCH --output=%A_%a.out
# One subject a task: sbatch --array=0-19%10 slurm_array.sh, with subjects.txt in this folder.
set -euo pipefail

bids=${BIDS:-/data/bids} out=${OUT:-/data/out}
mapfile -t subjects < subjects.txt
work=$(mktemp -d "${TMPDIR:-/tmp}/spineps-XXXXXX") # on the disk of the node
trap 'rm -rf "$work"' EXIT

spineps-wf "$bids" "$out" participant \
    --participant-label "${subjects[$SLURM_ARRAY_TASK_ID]}" --work-dir "$work"
