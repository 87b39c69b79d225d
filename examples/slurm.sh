#!/usr/bin/env bash
# Trains on two machines under Slurm, and goes on by itself after a time limit or a preemption.
#
#   sbatch examples/slurm.sh            from a project in which "npm install imago" was run, on a disk that all machines share

#SBATCH --job-name=imago
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --output=imago-%j.log
#SBATCH --open-mode=append
# Two minutes before the end Slurm sends every process USR2: imago stops after the step, with a checkpoint.
#SBATCH --signal=USR2@120
#SBATCH --requeue

set -euo pipefail

data=${IMAGO_DATA:?"is not set: give the folder of the images"}
run=${IMAGO_RUN:-runs/imago}

resume=()
if [[ -e $run/config.json ]]; then resume=(--resume); fi

# PMIx is for Open MPI; --mpi=pmi2 for MPICH and Intel MPI. One rank that fails ends the others.
code=0
srun --mpi=pmix --kill-on-bad-exit=1 node_modules/.bin/imago train \
  --data "$data" --out "$run" --batch-size 64 "${resume[@]}" || code=$?

# 130: it was interrupted, and has left a checkpoint. The job waits in the queue again, and goes on from there.
if [[ $code == 130 ]]; then exec scontrol requeue "$SLURM_JOB_ID"; fi
exit "$code"
