#!/usr/bin/env bash
# Sets everything up and runs the main job: simulate a sequence from one real solar frame, then prep, review, train,
# eval, and compare what was found with what was put in. With --export [PRECISION] it ends with a bundle (fp32, or int8)
# that scores the same sequence without PyTorch.
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
    "") precision= ;;
    --export) precision=${2:-fp32} ;;
    *) echo "unknown: $1; usage: ./demo/run.sh [--export [fp32|int8]]" >&2; exit 2 ;;
esac
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
    echo "== found by the bundle against put in"
    "$PYTHON" -m inference.runner "$work/run/export" "$work/reels" > "$work/events.jsonl"
    "$PYTHON" demo/compare_with_truth.py "$work/events.jsonl" "$work/sequence/truth.csv" "$work/reels/aia_171"
fi
