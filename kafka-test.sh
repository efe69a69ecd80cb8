#!/usr/bin/env bash
# One script from nothing to a believable table: starts a Kafka with an HTTP front, runs krush's presets against it.
# Works with bash 3.2 (macOS) and later. `./kafka-test.sh help` lists the commands; SETUP.md has the rest.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=stack/common.sh
. "$root/stack/common.sh"
# shellcheck source=stack/kafka.sh
. "$root/stack/kafka.sh"
# shellcheck source=stack/local.sh
. "$root/stack/local.sh"
# shellcheck source=stack/docker.sh
. "$root/stack/docker.sh"

presets='basic optimized extreme 64kb'
state_file=$root/.stack/state

usage() {
    cat <<'END'
kafka-test.sh: a Kafka to load-test, and krush to load it with

  ./kafka-test.sh quick-start           start everything, check it, measure 30 s of sustained load

the stack
  start [STACK OPTIONS]                 start and wait until every service is healthy
  stop                                  stop it; the data stays
  restart [STACK OPTIONS]               stop, start
  status                                services, ports, health, topics, versions
  topics                                topics with partitions and records
  monitor [TOPIC ..] [--samples N]      records a second per topic, from end offsets read each second
  logs [-f] [SERVICE]                   the last 100 lines, or follow
  clean [--yes] [--all]                 stop and delete all data; --all: downloads and built images too

tests (anything after the command goes to krush: ./kafka-test.sh test-extreme --concurrency 200)
  test-basic                            1,000 small records
  test-optimized                        50,000 small records in batches of 1,000
  test-extreme                          100,000 small records in batches of 1,000
  test-64kb                             1,000 records of 64 KiB
  test-all                              these four, going on after a failure; one table, the highest exit code
  performance-test                      optimized and extreme with --gate; where a burst is too near a reference to tell
                                        (exit code 12), add --duration 30s
  quick-start [STACK OPTIONS]           start, basic, then extreme with 8 connections, batches of 100, 15 s of warm-up
                                        and 30 s of load

STACK OPTIONS
  --docker | --local                    Docker with Confluent's images, or a real Apache Kafka with krush's own HTTP
                                        front, without Docker (Java 17). By default Docker, if an engine answers
  --profile NAME                        settings of docker/profiles: throughput (default), poc, low-latency, durable
  --cluster                             Docker only: three brokers, two REST Proxies behind HAProxy
  --wait SECONDS                        how long to wait until all is healthy (default 180)

Settings such as ports are in .env (see .env.example). krush's exit code is passed on: 0 pass, 2 usage, 10 threshold
missed, 11 regression, 12 inconclusive, 13 void run, 14 data integrity, 15 target unreachable or a service not healthy,
130 interrupted. krush extreme --help lists its flags.
END
}

# Takes the stack options off the front of the arguments; the rest is in `arguments`.
parse_stack_options() {
    option_mode='' option_profile='' option_cluster='' option_wait=''
    while (($#)); do
        case $1 in
        --docker) option_mode=docker ;;
        --local) option_mode=local ;;
        --cluster) option_cluster=1 ;;
        --profile | --wait)
            (($# > 1)) || die 2 "$1 wants a value"
            if [[ $1 == --wait ]]; then option_wait=$2; else option_profile=$2; fi
            shift
            ;;
        --profile=*) option_profile=${1#*=} ;;
        --wait=*) option_wait=${1#*=} ;;
        *) break ;;
        esac
        shift
    done
    arguments=("$@")
}

# stored NAME: what the last start noted.
stored() { tr -d '\r' 2>/dev/null <"$state_file" | sed -n "s/^$1=//p" || :; }

# settle COMMAND: everything that can be set: options, then the environment, then .env, then the tuning profile, then
# defaults. A start chooses the profile anew; the other commands are about the stack as it was started.
settle() {
    [[ -z $option_profile ]] || STACK_PROFILE=$option_profile
    [[ -z $option_wait ]] || STACK_START_TIMEOUT=$option_wait
    case $1 in
    start | quick-start) ;;
    *) [[ -n ${STACK_PROFILE:-} ]] || STACK_PROFILE=$(stored profile) ;;
    esac
    [[ -n ${STACK_PROFILE:-} ]] || unset STACK_PROFILE
    [[ ! -e $root/.env ]] || load_settings "$root/.env"
    : "${STACK_PROFILE:=throughput}"
    export STACK_PROFILE
    local file=$root/docker/profiles/$STACK_PROFILE.env known
    if [[ $STACK_PROFILE == */* || ! -e $file ]]; then
        known=$(cd "$root/docker/profiles" && printf '%s ' *.env)
        die 2 "no profile $STACK_PROFILE; there are: $(printf '%s' "$known" | sed 's/\.env//g; s/ *$//')"
    fi
    load_settings "$file"
    : "${STACK_REST_PORT:=8082}" "${STACK_BROKER_PORT:=9092}" "${STACK_REGISTRY_PORT:=8081}" "${STACK_UI_PORT:=8080}"
    : "${STACK_CLUSTER_REST_PORT:=8092}" "${STACK_CLUSTER_STATS_PORT:=8093}" "${STACK_CONTROLLER_PORT:=9093}"
    : "${STACK_PARTITIONS:=48}" "${STACK_CONSUMER_PARTITIONS:=24}" "${STACK_START_TIMEOUT:=180}"
    : "${KRUSH_IMAGE:=krush:local}" "${STACK_UID:=$(id -u)}" "${STACK_GID:=$(id -g)}"
    export STACK_UID STACK_GID
    local name
    for name in STACK_REST_PORT STACK_BROKER_PORT STACK_REGISTRY_PORT STACK_UI_PORT STACK_CLUSTER_REST_PORT \
        STACK_CLUSTER_STATS_PORT STACK_CONTROLLER_PORT STACK_PARTITIONS STACK_CONSUMER_PARTITIONS STACK_START_TIMEOUT; do
        [[ ${!name} =~ ^[1-9][0-9]{0,4}$ ]] || die 2 "$name=${!name}: a number from 1 to 99999 was expected"
    done
    local_known_kafka
}

# Which stack the commands are about: the one asked for, else the one that was started last, else what this machine has.
choose_mode() {
    mode=$option_mode
    [[ -n $mode ]] || mode=$(stored mode)
    if [[ -z $mode && $1 == start ]]; then
        if docker_answers; then
            mode=docker
        elif (($(java_version) >= 17)); then
            mode=local
            note "no Docker engine answers: starting the stack without Docker, a real Apache Kafka with krush's own HTTP front"
        else
            die 2 "needs Docker (none answers), or Java 17 or later for the stack without Docker: install one of them"
        fi
    fi
    stack_cluster=${option_cluster:-$(stored cluster)}
    # A start says anew whether it is a cluster.
    [[ $1 != start ]] || stack_cluster=${option_cluster:-0}
    stack_cluster=${stack_cluster:-0}
    [[ $mode != local || $stack_cluster == 0 ]] || die 2 "--cluster needs Docker: the stack without Docker has one broker"
}

no_more_arguments() { ((${#arguments[@]} == 0)) || die 2 "$1: unknown option ${arguments[0]} (see ./kafka-test.sh help)"; }

# Without a start there is nothing to stop, show or clean.
need_started() {
    [[ -n $mode ]] || die "$1" "no stack was started here: ./kafka-test.sh start, or quick-start"
}

start() {
    choose_mode start
    local other
    other=$(stored mode)
    if [[ -n $other && $other != "$mode" ]] && { [[ $other == local ]] || docker_answers; } && "${other}_running"; then
        die 2 "the stack of --$other is running: ./kafka-test.sh stop first"
    fi
    "${mode}_need"
    mkdir -p "$root/.stack"
    # Before it starts: what is half up can be stopped and cleaned.
    printf 'mode=%s\nprofile=%s\ncluster=%s\n' "$mode" "$STACK_PROFILE" "$stack_cluster" >"$state_file"
    "${mode}_start"
}

stack_url() { "${mode}_url"; }

status() {
    need_started 15
    local health=0
    printf 'stack: %s, profile %s\n' "$("${mode}_server_name")" "$STACK_PROFILE"
    printf 'url:   %s\n\n' "$(stack_url)"
    "${mode}_status" || health=$?
    printf '\n'
    # A table of topics needs a server that answers.
    (topics) 2>/dev/null || printf 'topics: the server does not answer\n'
    printf '\n'
    "${mode}_versions"
    printf 'krush: %s\n' "$(find_runner && runner_words)"
    return "$health"
}

topics() {
    need_started 15
    need curl "topics are read over HTTP (apt-get install curl)"
    local url names topic counts partitions begin end
    url=$(stack_url)
    names=$(topic_names "$url") || die 15 "$url does not answer: ./kafka-test.sh status"
    printf '%-32s %10s %15s\n' TOPIC PARTITIONS RECORDS
    for topic in $names; do
        counts=$(topic_offsets "$url" "$topic") || die 15 "$url does not tell the offsets of $topic"
        read -r partitions begin end <<<"$counts"
        printf '%-32s %10s %15s\n' "$topic" "$partitions" "$(grouped $((end - begin)))"
    done
}

# One line a topic and second; a second that the server took longer to answer counts as long as it was.
monitor() {
    need_started 15
    need curl "offsets are read over HTTP (apt-get install curl)"
    local url names='' samples=-1 topic counts partitions begin end at last_at last_end before number
    url=$(stack_url)
    while ((${#arguments[@]})); do
        case ${arguments[0]} in
        --samples)
            [[ ${arguments[1]:-} =~ ^[1-9][0-9]*$ ]] || die 2 "--samples wants a number from 1"
            samples=${arguments[1]}
            arguments=("${arguments[@]:2}")
            continue
            ;;
        -*) die 2 "monitor: unknown option ${arguments[0]} (see ./kafka-test.sh help)" ;;
        *) names="$names ${arguments[0]}" ;;
        esac
        arguments=("${arguments[@]:1}")
    done
    [[ -n $names ]] || names=$(topic_names "$url") || die 15 "$url does not answer: ./kafka-test.sh status"
    note "end offsets of $("${mode}_server_name"), $url; Ctrl-C ends it"
    printf '%-9s %-32s %12s %16s\n' TIME TOPIC RECORDS/S 'END OFFSETS'
    last_at='' last_end=''
    number=-1
    while ((samples < 0 || number < samples)); do
        at=$(now) before=$last_end last_end=''
        for topic in $names; do
            counts=$(topic_offsets "$url" "$topic") || die 15 "$url does not tell the offsets of $topic"
            read -r partitions begin end <<<"$counts"
            last_end="$last_end $topic=$end "
            [[ $before == *" $topic="* ]] || continue
            begin=${before##* "$topic"=}
            printf '%-9s %-32s %12s %16s\n' "$(date +%H:%M:%S)" "$topic" \
                "$(grouped "$(awk -v new="$end" -v old="${begin%% *}" -v at="$at" -v last="$last_at" \
                    'BEGIN { s = at - last; printf "%.0f", (s > 0 ? (new - old) / s : 0) }')")" "$(grouped "$end")"
        done
        last_at=$at
        number=$((number + 1))
        ((samples >= 0 && number >= samples)) || sleep 1
    done
}

clean() {
    local yes=0 all=0 answer
    while ((${#arguments[@]})); do
        case ${arguments[0]} in
        --yes | -y) yes=1 ;;
        --all) all=1 ;;
        *) no_more_arguments clean ;;
        esac
        arguments=("${arguments[@]:1}")
    done
    need_started 0
    if ((!yes)); then
        [[ -t 0 ]] || [[ -p /dev/stdin ]] || die 2 "clean deletes all topics and records: say --yes where nobody can be asked"
        printf 'Delete all topics and records of the stack (%s)? [y/N] ' "$mode" >&2
        read -r answer || answer=
        case $answer in
        y | Y | yes | Yes) ;;
        *)
            note "nothing was deleted"
            return 0
            ;;
        esac
    fi
    "${mode}_clean" "$all"
    rm -rf "$root/.stack/logs" "$state_file"
    note "cleaned"
}

# Sets runner: krush as a command, or nothing for the image.
find_runner() {
    runner=()
    if [[ -n ${KRUSH:-} ]]; then
        # As an absolute path: it is named from where the caller is, and run from where the script is.
        case $KRUSH in
        /*) runner=("$KRUSH") ;;
        */*) runner=("$PWD/$KRUSH") ;;
        *) runner=("$(command -v "$KRUSH" || printf '%s' "$PWD/$KRUSH")") ;;
        esac
        [[ -f ${runner[0]} && -x ${runner[0]} ]] || die 2 "KRUSH=$KRUSH is no program"
    elif [[ -x $root/target/release/krush ]]; then
        runner=("$root/target/release/krush")
    elif command -v krush >/dev/null 2>&1; then
        runner=(krush)
    elif command -v cargo >/dev/null 2>&1; then
        runner=(cargo run --release --locked --manifest-path "$root/Cargo.toml" --)
    elif [[ ${mode:-docker} != docker ]] || ! docker_answers; then
        die 2 "no krush: build it (cargo build --release), install it, set KRUSH to it, or start Docker to use its image"
    fi
}

runner_words() {
    if ((${#runner[@]} == 0)); then
        printf 'image %s\n' "$KRUSH_IMAGE"
    elif [[ ${runner[0]} == cargo ]]; then
        printf 'cargo run --release\n'
    else
        printf '%s (%s)\n' "$("${runner[0]}" -V)" "${runner[0]}"
    fi
}

# run_preset PRESET FLAG..: with krush's exit code. In the folder of the script, so that results/ is the same for all.
run_preset() {
    find_runner
    note "krush: $(runner_words)"
    if ((${#runner[@]} == 0)); then
        docker_run "$@"
    else
        (cd "$root" && exec "${runner[@]}" "$@")
    fi
}

# Tests go to the stack that was started; without one, to where a REST Proxy would be, as an address that was named: a
# test of this script is never answered by krush's stand-in behind the user's back.
aim() {
    if [[ -z ${KRUSH_URL:-} ]]; then
        if [[ -n $mode ]]; then
            KRUSH_URL=$(stack_url)
        else
            KRUSH_URL=http://127.0.0.1:$STACK_REST_PORT
            note "no stack was started here (./kafka-test.sh start): trying $KRUSH_URL"
        fi
        export KRUSH_URL
    fi
}

# The figures of a report, `|` between them: throughput, P95, success, verdict, server. JSON as krush writes it, a key a line.
report_cells() {
    awk '
        function time(us) { return (us < 1000000) ? sprintf("%.1f ms", us / 1000) : sprintf("%.2f s", us / 1000000) }
        function value(line) { sub(/^[^:]*: */, "", line); sub(/,$/, "", line); gsub(/"/, "", line); return line }
        /^  "[a-z_]+":/ { top = $1; gsub(/[":]/, "", top); inner = "" }
        /^    "[a-z_]+":/ { inner = $1; gsub(/[":]/, "", inner) }
        top == "summary" && /^    "records_per_sec":/ { rate = value($0) }
        top == "summary" && /^    "success_ratio":/ { success = value($0) }
        top == "summary" && inner == "latency_us" && /^      "p95":/ { p95 = value($0) }
        top == "summary" && inner == "lower_bounds" && /"p95"/ { bound = "≥ " }
        top == "target" && /^    "server":/ { server = value($0) }
        top == "verdict" && /^    "headline":/ { verdict = value($0) }
        END {
            if (verdict == "") exit 1
            percent = int(success * 1000000 + 0.001) / 10000
            # Less than all is never printed as 100 %.
            if (percent == 100 && success < 1) percent = 99.9999
            printf "%.0f|%s|%s %%|%s|%s\n", rate, (p95 == "" || p95 == "null") ? "-" : bound time(p95), percent, verdict, server
        }' "$1"
}

# run_presets "PRESET .." FLAG..: one after the other, going on after a failure; a table, and the highest exit code.
run_presets() {
    local names=$1 preset code worst=0 stamp file rows='' cells rate rest server=''
    shift
    mkdir -p "$root/results"
    stamp=$(date -u +%Y-%m-%dT%H-%M-%S)
    for preset in $names; do
        note ""
        note "== $preset"
        file=results/$stamp-$preset-$$.json
        code=0
        run_preset "$preset" "$@" --output "$file" || code=$?
        ((code <= worst)) || worst=$code
        if cells=$(report_cells "$root/$file" 2>/dev/null); then
            IFS='|' read -r rate rest <<<"$cells"
            cells="$(grouped "$rate")|$rest"
            server=${cells##*|}
            rows="$rows$preset|$code|${cells%|*}|$file"$'\n'
        else
            rows="$rows$preset|$code|-|-|-|no report|-"$'\n'
        fi
        # Ctrl-C is for all of them.
        ((code != 130)) || break
    done
    printf '\nserver: %s\n' "${server:-not known}"
    printf '%-10s %4s  %14s  %11s  %9s  %-34s %s\n' TEST EXIT RECORDS/S P95 SUCCESS VERDICT REPORT
    while IFS='|' read -r preset code rate rest success verdict file; do
        [[ -n $preset ]] || continue
        printf '%-10s %4s  %14s  %11s  %9s  %-34s %s\n' "$preset" "$code" "$rate" "$rest" "$success" "$verdict" "$file"
    done <<<"$rows"
    return "$worst"
}

quick_start() {
    start
    aim
    note ""
    note "== basic, to see that records are stored"
    run_preset basic --quiet
    # As flags would be: the user's own come after them, and an environment that says otherwise stays.
    : "${KRUSH_CONCURRENCY:=8}" "${KRUSH_BATCH_SIZE:=100}" "${KRUSH_WARMUP:=15s}" "${KRUSH_DURATION:=30s}"
    export KRUSH_CONCURRENCY KRUSH_BATCH_SIZE KRUSH_WARMUP KRUSH_DURATION
    note ""
    note "== extreme, sustained: what this stack can do"
    local code=0
    run_preset extreme ${arguments[@]+"${arguments[@]}"} || code=$?
    note ""
    note "measured: $("${mode}_server_name")"
    note "next: ./kafka-test.sh test-all | monitor | status | stop | clean"
    return "$code"
}

main() {
    local command=${1:-help} code=0
    (($# == 0)) || shift
    case $command in
    help | -h | --help)
        usage
        return
        ;;
    start | restart | quick-start) parse_stack_options "$@" ;;
    stop | status | topics | monitor | logs | clean | test-all | performance-test | \
        test-basic | test-optimized | test-extreme | test-64kb)
        parse_stack_options
        arguments=("$@")
        ;;
    *) die 2 "unknown command $command (./kafka-test.sh help lists them)" ;;
    esac
    settle "$command"
    case $command in
    start)
        no_more_arguments start
        start
        return
        ;;
    quick-start)
        quick_start
        return
        ;;
    esac
    choose_mode "$command"
    case $command in
    restart)
        no_more_arguments restart
        need_started 2
        "${mode}_stop"
        option_cluster=$stack_cluster
        start
        ;;
    stop)
        no_more_arguments stop
        need_started 0
        "${mode}_stop"
        note "stopped; the data stays (./kafka-test.sh clean deletes it)"
        ;;
    status)
        no_more_arguments status
        status
        ;;
    topics)
        no_more_arguments topics
        topics
        ;;
    monitor) monitor ;;
    logs)
        need_started 2
        local follow=0
        if [[ ${arguments[0]:-} == -f ]]; then
            follow=1
            arguments=("${arguments[@]:1}")
        fi
        "${mode}_logs" "$follow" ${arguments[@]+"${arguments[@]}"}
        ;;
    clean) clean ;;
    test-all)
        aim
        run_presets "$presets" ${arguments[@]+"${arguments[@]}"}
        ;;
    performance-test)
        aim
        run_presets 'optimized extreme' --gate ${arguments[@]+"${arguments[@]}"}
        ;;
    test-*)
        aim
        run_preset "${command#test-}" ${arguments[@]+"${arguments[@]}"}
        ;;
    esac
}

main "$@"
