#!/bin/sh
# Everything that benchmarks/README.md reports, one report folder each.
# usage: benchmarks/all.sh OUT SQUAD.json.gz NFCORPUS.zip NEWS_DOCS.jsonl.gz NEWS_QUESTIONS.json
set -eu
[ $# -eq 5 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
out=$1 squad=$2 nfcorpus=$3 docs=$4 questions=$5
mkdir -p "$out"
run() {
    name=$1
    shift
    echo "== $name" >&2
    "$@" --out "$out/$name" >"$out/$name.txt"
}
run seeds python -m rag eval --split all
run seeds-fresh python -m rag eval rag/evaluation/questions/seeds_fresh.jsonl
run squad-reader python -m rag eval "$squad" --setting reader
run squad-open python -m rag eval "$squad" --setting open --limit 2000
run nfcorpus python -m rag eval "$nfcorpus"
run news python -m benchmarks.news "$docs" "$questions"
run seeds-ablations python -m rag eval --split report --ablations
run deciding python -m benchmarks.deciding --images docs/images
run deciding-fresh python -m benchmarks.deciding --report rag/evaluation/questions/seeds_fresh.jsonl
