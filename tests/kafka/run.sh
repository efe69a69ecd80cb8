#!/usr/bin/env bash
# Runs a command against a real Apache Kafka of its own, and leaves nothing behind.
#
#   tests/kafka/run.sh cargo test --features kafka --test it kafka::
#
# Fetches the broker (stack/kafka/pom.xml) from Maven Central into target/kafka/libs, starts it on free loopback ports
# with its data under target/, and gives the command KRUSH_TEST_KAFKA=HOST:PORT and the folders KRUSH_TEST_KAFKA_LIBS
# (jars) and KRUSH_TEST_KAFKA_DATA (the broker's logs).
# Needs Java 17 or later and Maven; on a Debian where they are missing it installs them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
kafka_libs=$root/target/kafka/libs
ready_secs=60
work=
broker=

say() { printf 'kafka: %s\n' "$*" >&2; }
note() { say "$@"; }
# shellcheck source=stack/kafka.sh
. "$root/stack/kafka.sh"
die() {
    say "$*"
    exit 1
}

need_tools() {
    local missing=()
    command -v java >/dev/null || missing+=(default-jre-headless)
    command -v mvn >/dev/null || missing+=(maven)
    if ((${#missing[@]})); then
        command -v apt-get >/dev/null ||
            die "java (17 or later) or mvn is missing and there is no apt-get: install both"
        local root_do=()
        ((EUID == 0)) || root_do=(sudo)
        say "installing ${missing[*]}"
        "${root_do[@]}" apt-get update -qq
        DEBIAN_FRONTEND=noninteractive \
            "${root_do[@]}" apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
    fi
    (($(java_version) >= 17)) || die "Apache Kafka 4 needs Java 17 or later, and this is Java $(java_version)"
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range from which the system picks ports for outgoing connections.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if ! listening "$port"; then
            echo "$port"
            return
        fi
    done
    die "no free port between 20000 and 32000"
}

# By the shell's own list of running jobs: `kill -0` succeeds on a zombie too.
alive() { [[ -n $broker && " $(jobs -pr | tr '\n' ' ')" == *" $broker "* ]]; }

start() {
    local client controller
    client=$(free_port)
    controller=$(free_port)
    address=127.0.0.1:$client
    rm -rf "$work/data"
    kafka_configure "$client" "$controller" "$work/data" "$work/server.properties"
    kafka_format "$work/server.properties" >"$work/format.log" 2>&1 || {
        cat "$work/format.log" >&2
        return 1
    }
    java -Xms256m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
        -Dlog4j2.configurationFile="$kafka_files/log4j2.properties" -cp "$kafka_libs/*" \
        kafka.Kafka "$work/server.properties" >"$work/broker.log" 2>&1 </dev/null &
    broker=$!
    # Ready is a metadata request answered with a broker and the controller, which is what this tool asks for; it
    # tries again by itself. The TCP port is awaited first only to notice at once that the broker has died.
    local deadline=$((SECONDS + ready_secs))
    until listening "$client"; do
        alive && ((SECONDS < deadline)) || return 1
        read -rt 0.05 <> <(:) || :
    done
    kafka_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" --list >"$work/ready.log" 2>&1
}

stop() {
    if alive; then
        kill -TERM "$broker" 2>/dev/null || :
        local deadline=$((SECONDS + 15))
        while alive && ((SECONDS < deadline)); do
            read -rt 0.05 <> <(:) || :
        done
        ! alive || kill -KILL "$broker" 2>/dev/null || :
    fi
    [[ -z $broker ]] || wait "$broker" 2>/dev/null || :
    broker=
}

clean_up() {
    local status=$?
    trap - EXIT
    stop
    [[ -z $work ]] || rm -rf "$work"
    exit "$status"
}

(($#)) || die "usage: tests/kafka/run.sh COMMAND [ARGUMENT ..]"
need_tools
kafka_fetch
mkdir -p "$root/target/kafka"
work=$(mktemp -d "$root/target/kafka/run.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

started=
for attempt in 1 2 3; do
    if start; then
        started=1
        break
    fi
    say "the broker did not start (attempt $attempt):"
    tail -n 20 "$work"/*.log >&2 || :
    stop
done
[[ -n $started ]] || die "giving up"
say "Apache Kafka $(kafka_locked_version) on $address, process $broker"

export KRUSH_TEST_KAFKA_DATA=$work/data
KRUSH_TEST_KAFKA=$address KRUSH_TEST_KAFKA_LIBS=$kafka_libs "$@"
