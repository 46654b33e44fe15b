#!/usr/bin/env bash
# Sets everything up and runs the main job: simulate a sequence from one real solar frame, then prep, review, train,
# eval, and compare what was found with what was put in. With --export [PRECISION] it ends with a bundle (fp32, or int8)
# that scores the same sequence without PyTorch; with --alone as well, in an environment that has none.
set -euo pipefail
cd "$(dirname "$0")/.."
precision= alone=
while [ $# -gt 0 ]; do
    case "$1" in
        --export) precision=fp32 ;;
        fp32 | int8) [ -n "$precision" ] || { echo "$1 goes with --export" >&2; exit 2; }; precision=$1 ;;
        --alone) alone=1 ;;
        *) echo "unknown: $1; usage: ./demo/run.sh [--export [fp32|int8] [--alone]]" >&2; exit 2 ;;
    esac
    shift
done
if [ -n "$alone" ] && [ -z "$precision" ]; then
    echo "--alone goes with --export" >&2
    exit 2
fi
source demo/environment.sh
work=demo/work
rm -rf "$work"

echo "== simulated sequence from the real AIA 171 A frame in the sunpy package"
"$PYTHON" demo/make_sequence.py "$work/sequence"
for mode in prep review train eval; do
    echo "== $mode"
    "$PYTHON" main.py -m "$mode" -c demo/demo.yaml
done

echo "== found against put in"
"$PYTHON" demo/compare_with_truth.py "$work/run/eval/aia_171/events.csv" "$work/sequence/truth.csv" "$work/reels/aia_171"
echo "movie:    $work/run/eval/aia_171/anomaly.mp4"
echo "report:   $work/run/eval/aia_171/report.html"
if [ -n "$precision" ]; then
    echo "== export, $precision"
    "$PYTHON" main.py -m export -c demo/demo.yaml --precision "$precision"
    echo "== found by the bundle${alone:+, without PyTorch,} against put in"
    runner=("$PYTHON" -m inference.runner)
    if [ -n "$alone" ]; then runner=(./demo/runner_alone.sh); fi
    "${runner[@]}" "$work/run/export" "$work/reels" > "$work/events.jsonl"
    "$PYTHON" demo/compare_with_truth.py "$work/events.jsonl" "$work/sequence/truth.csv" "$work/reels/aia_171"
    "$PYTHON" demo/compare_with_eval.py "$work/events.jsonl" "$work/run/eval/aia_171/events.csv"
fi
