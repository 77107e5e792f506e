#!/usr/bin/env bash
# Measures what a short loan of a GPU can, most valuable first, and writes OUT/report.md: tables for docs/training.md.
#
#   benchmarks/gpu_slot.sh OUT              # 15 minutes on one H100 or H200; what no time is left for is listed
#   benchmarks/gpu_slot.sh --tiny OUT       # anywhere, at tiny size: its numbers say nothing
#
# BEFORE=FOLDER is another checkout of this repository: whole runs are then made in both, before and after. MINUTES=15 is
# the time for all of it. Every part may fail or run out of time without the others; parts that take none are skipped.
set -u
cd "$(dirname "$0")/.."
tiny=0
[ "${1:-}" = --tiny ] && { tiny=1; shift; }
out=$(mkdir -p "${1:?usage: gpu_slot.sh [--tiny] OUT}" && cd "$1" && pwd)
report=$out/report.md
ends=$((SECONDS + ${MINUTES:-15} * 60))
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}

# part SECONDS NAME CHECKOUT COMMAND...: run it there for at most that long; its standard output goes to the report
part() {
  local limit=$1 name=$2 checkout=$3 left=$((ends - SECONDS)) status=0
  shift 3
  printf '\n### %s\n\n' "$name" >>"$report"
  if [ "$left" -lt 20 ]; then
    echo "not run: no time was left" >>"$report"
    return
  fi
  [ "$limit" -lt "$left" ] || limit=$left
  (cd "$checkout" && PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} timeout "$limit" "$@") >>"$report" 2>"$out/${name//[ ,%]/-}.log" || status=$?
  [ "$status" = 0 ] || printf '\nended with status %s: %s\n' "$status" "$(tail -n 1 "$out/${name//[ ,%]/-}.log")" >>"$report"
}

# both SECONDS NAME ARGUMENTS...: a whole run in the other checkout, if there is one, and in this one
both() {
  local limit=$1 name=$2
  shift 2
  [ -z "${BEFORE:-}" ] || part "$limit" "$name, before" "$BEFORE" python3 benchmarks/train_run.py "$@"
  part "$limit" "$name" . python3 benchmarks/train_run.py "$@"
}

driver=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null || echo "no GPU")
{
  echo "## $(date -u +%F), $driver, torch $(python3 -c 'import torch; print(torch.__version__)'), $(git rev-parse --short HEAD 2>/dev/null)"
  [ "$tiny" = 0 ] || echo "Tiny sizes: these numbers say nothing."
} >"$report"

if [ "$tiny" = 1 ]; then
  part 200 "kernels" . python3 benchmarks/kernels.py --tiny
  both 200 "demo text" --size demo --length 128 --rows 4 --microbatch 2 --steps 7 --encoder small --workers 0 --no-compile
  part 200 "demo text, loss chunks of 64" . python3 benchmarks/train_run.py --size demo --length 128 --rows 4 --microbatch 2 --steps 7 \
    --encoder small --workers 0 --no-compile --loss-chunk 64
  if python3 -c 'import torchao.float8' 2>/dev/null; then
    part 200 "demo text, fp8" . python3 benchmarks/train_run.py --size demo --length 128 --rows 4 --microbatch 2 --steps 7 \
      --encoder small --workers 0 --no-compile --fp8
  fi
else
  part 150 "kernels" . python3 benchmarks/kernels.py
  both 150 "1.4B text" --size 1.4B --rows 64 --microbatch 16 --steps 12
  both 100 "79M text" --size 79M --rows 128 --microbatch 32 --steps 16
  both 120 "79M, 20% images" --size 79M --rows 128 --microbatch 32 --steps 16 --images 0.2
  part 200 "GPU tests" . python3 -m pytest -q -m gpu tests/system/test_gpu.py
  part 120 "1.4B text, FlashAttention 4" . python3 benchmarks/train_run.py --size 1.4B --rows 64 --microbatch 16 --steps 9 --attention flash
  part 120 "1.4B text, fp8" . python3 benchmarks/train_run.py --size 1.4B --rows 64 --microbatch 16 --steps 9 --fp8
  part 100 "1.4B text, gate and up fused" . python3 benchmarks/train_run.py --size 1.4B --rows 64 --microbatch 16 --steps 9 --fused-gate
  part 100 "1.4B text, micro-batch 8" . python3 benchmarks/train_run.py --size 1.4B --rows 64 --microbatch 8 --steps 9
  part 100 "1.4B text, loss chunks of 16384" . python3 benchmarks/train_run.py --size 1.4B --rows 64 --microbatch 16 --steps 9 --loss-chunk 16384
  part 100 "1.4B text, sharded" . python3 benchmarks/train_run.py --size 1.4B --rows 64 --microbatch 16 --steps 9 --fsdp
  part 100 "1.4B text, not compiled" . python3 benchmarks/train_run.py --size 1.4B --rows 32 --microbatch 8 --steps 9 --no-compile
fi
cat "$report"
