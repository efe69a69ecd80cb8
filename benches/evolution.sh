#!/usr/bin/env bash
# The figures of docs/evolution.md: the same record, from one a request over one connection to batches over a few, and one
# setting at a time after that, on the stack without Docker (./kafka-test.sh start --local).
#
#   benches/evolution.sh                    three rounds of all steps, in turn; about 9 minutes
#   ROUNDS=1 DURATION=2s benches/evolution.sh
#
# A report a step and round is kept in results/reference/evolution/, and the page is written from them:
#
#   KRUSH_UPDATE_PAGES=1 cargo test --test it evolution
#
# Needs what `start --local` needs. The stack that runs here is restarted with other settings; its topics stay.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
rounds=${ROUNDS:-3}
warmup=${WARMUP:-2s}
duration=${DURATION:-6s}
folder=results/reference/evolution

# One line a step: name, records a request, connections, partitions, linger.ms, batch.size, compression.type.
# The first eight change the shape of the load; each of the others changes one setting of the eighth.
steps='
01-one-record           1   1  48  5  16384 none
02-fifty-connections    1  50  48  5  16384 none
03-batches-of-10       10  10  48  5  16384 none
04-batches-of-100     100  10  48  5  16384 none
05-batches-of-1000   1000  10  48  5  16384 none
06-more-connections  1000  50  48  5  16384 none
07-the-burst-shape   1000 500  48  5  16384 none
08-fewer-connections  100   8  48  5  16384 none
09-partitions-1       100   8   1  5  16384 none
10-partitions-6       100   8   6  5  16384 none
11-partitions-24      100   8  24  5  16384 none
12-linger-0           100   8  48  0  16384 none
13-linger-20          100   8  48 20  16384 none
14-lz4                100   8  48  5  16384 lz4
15-batch-size-128k    100   8  48  5 131072 none
'

# Rounds go over all steps, so that a machine that gets faster or slower meanwhile does so for all of them.
mkdir -p "$folder"
rm -f "$folder"/*.json
for ((round = 1; round <= rounds; round++)); do
    while read -r name batch connections partitions linger size compression; do
        [[ -n $name ]] || continue
        KAFKA_REST_PRODUCER_LINGER_MS=$linger KAFKA_REST_PRODUCER_BATCH_SIZE=$size \
            KAFKA_REST_PRODUCER_COMPRESSION_TYPE=$compression KAFKA_REST_PRODUCER_ACKS=all \
            ./kafka-test.sh start --local --profile durable 2>/dev/null
        echo "round $round  $name" >&2
        # A run that is void, or in which records failed, is not kept as a figure: it ends the comparison.
        ./kafka-test.sh test-extreme --topic "evolution-$partitions" --partitions "$partitions" \
            --batch-size "$batch" --concurrency "$connections" --warmup "$warmup" --duration "$duration" \
            --fail-on 'success < 100%' --quiet --output "$folder/$name-round-$round.json" </dev/null >&2
    done <<<"$steps"
done
