#!/usr/bin/env bash
# The Docker path end to end: kafka-test.sh and docker-compose.yml, both unchanged, on a Docker engine of its own.
#
#   tests/stack/docker.sh                  all parts, with Compose v2 and docker-compose 1.29
#   tests/stack/docker.sh image cluster    only these (and what they need)
#
# The engine runs in namespaces of its own and can pull nothing: the images that the compose file names are local ones of
# the same names (docker-images.sh), but krush's, which docker/Dockerfile builds. Everything happens in a copy of the
# tracked files, so that nobody's .env, results and running stack are touched. Prints a line a check and ends with
# `N passed, N failed`. Where no engine can start it says SKIPPED and succeeds. Installs what is missing by apt-get; keeps
# what is heavy in target/stack.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
cache=$root/target/stack
# shellcheck disable=SC2034 # read by stack/kafka.sh
kafka_libs=$root/target/kafka/libs
all=(image start tests runner page kills failures cluster legacy)
run=
part=
engine_pid=
passed=0
failed=0

say() { printf 'docker: %s\n' "$*" >&2; }
note() { say "$@"; }
die() {
    say "$*"
    exit 1
}

# shellcheck source=stack/kafka.sh disable=SC1091
. "$root/stack/kafka.sh"
# shellcheck source=tests/stack/docker-engine.sh disable=SC1091
. "$here/docker-engine.sh"
# shellcheck source=tests/stack/docker-images.sh disable=SC1091
. "$here/docker-images.sh"

clean_up() {
    local status=$?
    trap - EXIT INT TERM
    # Children in the background: a test under way, a follower of logs.
    # shellcheck disable=SC2046 # numbers
    kill $(jobs -p | grep -vx "${engine_pid:-0}") 2>/dev/null || :
    engine_stop
    if [[ -n $part ]]; then
        printf 'FAIL  the part %s ended before its time\n%s passed, %s failed\n' "$part" "$passed" "$((failed + 1))"
    fi
    [[ -z $run ]] || rm -rf "$run"
    exit "$status"
}

# check WORDS COMMAND ..: a line, and on failure what was said last and what the command says.
check() {
    local words=$1
    shift
    if "$@" >"$run/check" 2>&1; then
        passed=$((passed + 1))
        printf 'ok    %s\n' "$words"
    else
        failed=$((failed + 1))
        printf 'FAIL  %s: %s\n' "$words" "$*"
        {
            tail -n 20 "$run/check"
            printf -- '-- exit code %s; standard output and error:\n' "${code:-}"
            tail -n 25 "$run/out"
            printf -- '--\n'
            tail -n 25 "$run/err"
        } | sed 's/^/      | /'
    fi
}

# do_run [NAME=VALUE ..] COMMAND ..: in the copy, where the published ports are, with no other environment than this, for
# at most $limit seconds. Sets code; what was said is in $run/out and $run/err.
limit=150
do_run() {
    code=0
    (
        cd "$work"
        exec nsenter --net="/proc/$engine_pid/ns/net" -- timeout --kill-after=10 "$limit" \
            env -i --default-signal=INT HOME="$run/home" PATH="$PATH" \
            DOCKER_HOST="$DOCKER_HOST" DOCKER_CONFIG="$DOCKER_CONFIG" "$@"
    ) >"$run/out" 2>"$run/err" </dev/null &
    # Not in the foreground: a signal to this script would have to wait for its end.
    wait $! || code=$?
}

# kt ARGUMENT ..: kafka-test.sh, with krush as a program of this machine.
kt() { do_run KRUSH="$krush" ./kafka-test.sh "$@"; }
# The same on a machine without krush and cargo.
kt_image() { do_run PATH="$run/bin" ./kafka-test.sh "$@"; }
# The same where docker has no plugin, so that docker-compose 1.29 is taken.
kt_legacy() { do_run PATH="$run/no-plugin:$PATH" KRUSH="$krush" ./kafka-test.sh "$@"; }
kt_legacy_image() { do_run PATH="$run/no-plugin:$run/bin" ./kafka-test.sh "$@"; }

code_is() { ((code == $1)); }
code_is_not() { ((code != $1)); }
says() { grep -qE -- "$1" "$run/out" "$run/err"; }
says_not() { ! says "$1"; }
equal() { echo "$1 and $2" && [[ -n $1 && $1 == "$2" ]]; }
at_least() { echo "$1, at least $2" && [[ -n $1 && -n $2 ]] && (($1 >= $2)); }
less_than() { echo "$1, less than $2" && [[ -n $1 ]] && (($1 < $2)); }

# The container of a service, running or not.
container() {
    docker ps --all --quiet --filter "label=com.docker.compose.service=$1" \
        --filter label=com.docker.compose.oneoff=False | head -n 1
}

# inspect SERVICE TEMPLATE
inspect() { docker inspect --format "$2" "$(container "$1")"; }

has_setting() { inspect "$1" '{{range .Config.Env}}{{println .}}{{end}}' | grep -xF -- "$2"; }

# kafka_says BROKER TOOL ARGUMENT ..: one of Kafka's own tools, in a broker's container.
kafka_says() {
    local broker=$1 tool=$2
    shift 2
    docker exec --env KAFKA_HEAP_OPTS=-Xmx128m "$(container "$broker")" \
        "$tool" --bootstrap-server "$broker:29092" "$@"
}

# end_offsets [BROKER]: how many records Kafka says it was given; nothing if it does not say.
end_offsets() {
    kafka_says "${1:-broker}" kafka-get-offsets --topic performance-test |
        awk -F: '{ sum += $3; lines++ } END { if (lines) printf "%.0f\n", sum }'
}

# The first line of what kafka-topics says about the topic.
describe() { kafka_says "${1:-broker}" kafka-topics --describe --topic performance-test | sed -n 1p; }

# record_count FILE NAME ..: the sum of these figures of the records' ledger in a report, a key a line; a figure that
# is not there is an error, and nothing is said.
record_count() {
    local file=$1
    shift
    awk -v names=" $* " -v wanted=$# '
        /^  "[a-z_]+":/ { top = $1; inner = "" }
        /^    "[a-z_]+":/ { inner = $1 }
        top == "\"ledger\":" && inner == "\"records\":" {
            name = $1
            gsub(/[":]/, "", name)
            if (index(names, " " name " ")) { sum += $2; seen++ }
        }
        END {
            if (seen != wanted) exit 1
            printf "%.0f\n", sum
        }' "$file" 2>/dev/null || :
}

# Every scheduled record ended in exactly one place, by the report's own figures.
balanced() { equal "$(record_count "$1" scheduled)" "$(record_count "$1" unsent acked rejected unknown)"; }

# The newest report of the copy.
report() { find "$work/results" -name '*.json' -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d' ' -f2-; }

# end PROCESS: of ours, in the background.
end() {
    kill "$1" 2>/dev/null || :
    wait "$1" 2>/dev/null || :
}

# until_true SECONDS COMMAND ..
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# -- parts -------------------------------------------------------------------------------------------------------------

# The real image, by the compose file's own build section; optimised less than a release, which takes minutes more.
build_krush() {
    say "building krush's image with docker/Dockerfile (dependencies are kept for the next run)"
    limit=1800 do_run docker compose --profile testing build \
        --build-arg CARGO_PROFILE_RELEASE_LTO=off --build-arg CARGO_PROFILE_RELEASE_OPT_LEVEL=1 test-basic
    check "compose builds krush's image from docker/Dockerfile" code_is 0
    ((code == 0)) || return 1
    # The same binary for the machine's side.
    krush=$run/program/krush
    local id
    id=$(docker create krush:local)
    docker cp "$id:/krush" "$krush" >/dev/null
    docker rm "$id" >/dev/null
}

part_image() {
    local size image=krush:local name began
    size=$(docker image inspect --format '{{.Size}}' $image)
    check "krush's image has $((size / 1000)) kB, under 20 MB" less_than "$size" 20000000
    check "krush's image does not run as root" equal "$(docker image inspect --format '{{.Config.User}}' $image)" 65532:65532
    check "docker run --rm krush --help" run_image $image --help
    check "docker run --rm krush basic --embedded" run_image $image basic --embedded --quiet
    check "krush's image has CA roots" has_ca_roots $image
    # Names: an alias of the network by DNS, and a line of /etc/hosts.
    docker network create krush-names >/dev/null
    name=$(docker run --detach --network krush-names --network-alias some-proxy $image serve --host 0.0.0.0)
    check "a name of the network is found by the static binary" run_image --network krush-names $image basic --url http://some-proxy:8082 --quiet
    check "a name of --add-host is found by the static binary" run_image --network krush-names \
        --add-host "elsewhere:$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$name")" \
        $image basic --url http://elsewhere:8082 --quiet
    check "krush runs read-only and without capabilities" run_image --network krush-names --read-only --cap-drop ALL \
        --tmpfs /data/results:uid=65532 $image basic --url http://some-proxy:8082 --quiet
    began=$SECONDS
    check "docker stop ends krush in the container" docker stop "$name"
    check "docker stop does not have to kill: exit code 0, within 5 s" \
        equal "$(docker inspect --format '{{.State.ExitCode}}' "$name") $((SECONDS - began < 5))" "0 1"
    docker rm "$name" >/dev/null
    name=$(docker run --detach $image extreme --duration 60s)
    sleep 2
    docker kill --signal INT "$name" >/dev/null
    check "Ctrl-C reaches a run in the container: exit code 130" equal "$(timeout 30 docker wait "$name")" 130
    docker rm "$name" >/dev/null
    docker network rm krush-names >/dev/null
}

run_image() { timeout 60 docker run --rm "$@"; }

has_ca_roots() {
    local id count
    id=$(docker create "$1")
    count=$(docker cp "$id:/etc/ssl/certs/ca-certificates.crt" - | grep -a -c 'BEGIN CERTIFICATE')
    docker rm "$id"
    at_least "$count" 100
}

# For a part that is run alone.
stack_up() { [[ $(docker ps --filter label=com.docker.compose.service=rest-proxy) == *'(healthy)'* ]] || kt start --docker; }

part_start() {
    docker events --filter type=container --filter event=start --filter event=health_status \
        --format '{{.TimeNano}} {{index .Actor.Attributes "com.docker.compose.service"}} {{.Action}}' >"$run/events" &
    local events=$!
    # krush's flags after the stack's options.
    kt quick-start --docker --profile throughput --duration 3s --warmup 1s
    end "$events"
    check "quick-start: starts, checks, measures; exit code 0" code_is 0
    check "quick-start shows each service becoming healthy" says '^  rest-proxy +healthy '
    check "quick-start says what was measured" says 'REST Proxy in Docker'
    check "rest-proxy was started only after broker and registry were healthy" started_last "$run/events"
    check "profile throughput reaches the proxy" has_setting rest-proxy KAFKA_REST_PRODUCER_LINGER_MS=5
    check "kafka-test.sh status: exit code 0" after kt status
    check "status shows every service healthy, init done" says_states
    kt topics
    check "topics: performance-test with 48 partitions" says '^performance-test +48 '
    check "topics: performance-test-consumer with 24 partitions" says '^performance-test-consumer +24 '
    check "Kafka's own tool says 48 partitions too" has_partitions 48
    kt logs rest-proxy
    check "logs SERVICE: the lines of that service" says 'krush front on Apache Kafka'
    check "logs SERVICE: of no other" says_not 'schema-registry'
    limit=4 kt logs -f broker
    check "logs -f follows until it is ended" code_is 124
    check "logs -f shows lines" says 'Kafka Server started|kafka'
    kt start --docker
    check "start of what runs already is no error" code_is 0
}

# after COMMAND ..: runs it, and its exit code is 0.
after() { "$@" && ((code == 0)); }

says_states() {
    local service
    for service in broker schema-registry rest-proxy kafka-ui; do
        grep -E "^$service +healthy " "$run/out" || return 1
    done
    grep -E '^init +done ' "$run/out"
}

has_partitions() { describe | grep -E "PartitionCount: $1[[:space:]]"; }

# The order of events: health of the two before the start of the proxy.
started_last() {
    cat "$1"
    awk '
        / health_status: healthy/ && !($2 in healthy) { healthy[$2] = NR }
        $3 == "start" && !($2 in started) { started[$2] = NR }
        END {
            proxy = started["rest-proxy"]
            exit !(proxy && healthy["broker"] && healthy["schema-registry"] &&
                healthy["broker"] < proxy && healthy["schema-registry"] < proxy)
        }' "$1"
}

part_tests() {
    stack_up
    local preset before grown rows watched
    for preset in basic optimized extreme 64kb; do
        before=$(end_offsets)
        kt "test-$preset"
        check "test-$preset: exit code 0" code_is 0
        grown=$(($(end_offsets) - before))
        check "test-$preset: acked records are Kafka's end offsets ($grown)" equal "$(record_count "$(report)" acked)" "$grown"
    done
    kt test-all --duration 2s
    check "test-all: exit code 0" code_is 0
    rows=$(grep -cE '^(basic|optimized|extreme|64kb) +0 ' "$run/out")
    check "test-all: one table with four rows" equal "$rows" 4
    kt performance-test --duration 3s
    check "performance-test: krush's verdict on the references, 0, 10 or 12 ($code)" one_of "$code" 0 10 12
    kt test-basic --min-throughput 100M/s
    check "a missed threshold: exit code 10" code_is 10
    kt test-basic --nonsense
    check "a flag that krush does not know: exit code 2" code_is 2
    kt test-basic --url http://127.0.0.1:1
    check "nobody there: exit code 15" code_is 15
    kt nonsense
    check "an unknown command: exit code 2, one line" equal "$code $(wc -l <"$run/err")" "2 1"
    # Rates while records arrive.
    nsenter --net="/proc/$engine_pid/ns/net" -- "$krush" basic --duration 10s --output "$run/watched.json" >/dev/null 2>&1 &
    watched=$!
    sleep 1
    kt monitor performance-test --samples 3
    wait "$watched"
    check "monitor --samples 3: exit code 0" code_is 0
    check "monitor: three lines with rates above 0" equal "$(grep -cE '^[0-9:]{8} +performance-test +[1-9]' "$run/out")" 3
    # Ctrl-C: to all of the group, as a terminal does.
    do_run KRUSH="$krush" timeout --signal INT --preserve-status 4 ./kafka-test.sh test-basic --duration 60s
    check "Ctrl-C in a test: exit code 130" code_is 130
}

one_of() {
    local value=$1
    shift
    [[ " $* " == *" $value "* ]]
}

part_runner() {
    stack_up
    local before grown preset
    rm -f "$work"/results/*.json
    # krush's image in the compose network, by hand; the folder belongs to somebody else than root.
    chown 1234:1235 "$work/results"
    local owner=(STACK_UID=1234 STACK_GID=1235)
    before=$(end_offsets)
    do_run "${owner[@]}" docker compose --profile testing run --rm test-basic
    check "docker compose --profile testing run --rm test-basic: exit code 0" code_is 0
    grown=$(($(end_offsets) - before))
    check "its acked records are Kafka's end offsets" equal "$(record_count "$(report)" acked)" "$grown"
    check "its report in ./results belongs to STACK_UID:STACK_GID" equal "$(stat -c %u:%g "$(report)")" 1234:1235
    do_run "${owner[@]}" docker compose --profile testing run --rm test-basic --min-throughput 100M/s
    check "compose run passes exit code 10 on" code_is 10
    for preset in optimized extreme 64kb; do
        do_run "${owner[@]}" docker compose --profile testing run --rm "test-$preset" --messages 1000
        check "docker compose --profile testing run --rm test-$preset: exit code 0" code_is 0
    done
    # Beside the proxy, in its own network: localhost is found too.
    check "krush's image in the proxy's own network" run_image --network "container:$(container rest-proxy)" \
        krush:local basic --url http://localhost:8082 --quiet
    # Where there is neither krush nor cargo, the script takes the image.
    chown 0:0 "$work/results"
    rm -f "$work"/results/*.json
    kt_image test-basic --concurrency 5
    check "without krush and cargo, test-basic runs in the image: exit code 0" code_is 0
    check "… and says so" says 'krush: image krush:local'
    check "… and its flags arrive" grep '"concurrency": 5' "$(report)"
    check "… and its report belongs to who runs the script" equal "$(stat -c %u:%g "$(report)")" 0:0
}

# The one-liners of DOCKER-COMMANDS.md, as they are there.
# shellcheck disable=SC2016 # backquotes of the page
one_liners() {
    sed -n '/^## One-liners/,/^## Settings/p' "$work/DOCKER-COMMANDS.md" |
        sed -n -e 's/`, then `/ \&\& /' -e 's/\\|/|/g' -e 's/^| \(.*\) | `\(.*\)` |$/\1\t\2/p'
}

spoke() { [[ -s $run/out || -s $run/err ]] && ((code == 0)); }

part_page() {
    stack_up
    local what command helper count=0
    helper=$(sed -n 's/^\$ \(k() { .* }\)$/\1/p' "$work/DOCKER-COMMANDS.md")
    while IFS=$'\t' read -r what command; do
        case $what in
        # Here is no JVM; what follows does not end; needs the cluster.
        "the proxy's heap"* | 'follow a log' | *HAProxy*) continue ;;
        esac
        count=$((count + 1))
        do_run bash -o pipefail -c "$helper; $command"
        check "DOCKER-COMMANDS.md: $what" spoke
    done < <(one_liners)
    check "DOCKER-COMMANDS.md has one-liners" at_least "$count" 15
    check "the proxy is back" until_true 60 inside curl -sf http://127.0.0.1:8082/brokers
}

# Something is killed in the middle of a run: krush must not say all is well, and its books must balance.
part_kills() {
    stack_up
    local victim file before
    for victim in rest-proxy broker; do
        before=$(end_offsets)
        file=results/killed-$victim.json
        (
            sleep 3
            docker kill --signal KILL "$(container "$victim")" >/dev/null
        ) &
        kt test-extreme --duration 8s --concurrency 50 --batch-size 100 --timeout 5s --drain 5s --output "$file"
        wait $!
        check "kill -9 of $victim in a run: not exit code 0 ($code)" code_is_not 0
        check "… the report is there, and its ledger balances" balanced "$work/$file"
        check "… and something of it failed" at_least "$(record_count "$work/$file" rejected unknown)" 1
        kt status
        check "… status: exit code 15" code_is 15
        check "… $victim failed, says status" says "^$victim +failed "
        kt start --docker
        check "… start brings it back" code_is 0
        check "… nothing acknowledged was lost" at_least "$(($(end_offsets) - before))" "$(record_count "$work/$file" acked)"
    done
}

part_failures() {
    stack_up
    local before holder
    before=$(end_offsets)
    kt stop
    check "stop: exit code 0" code_is 0
    check "stop: nothing runs" equal "none$(docker ps --quiet)" none
    kt status
    check "status of what is stopped: exit code 15" code_is 15
    # A port that somebody else has.
    nsenter --net="/proc/$engine_pid/ns/net" -- "$krush" serve --port 8081 >/dev/null 2>&1 &
    holder=$!
    until_true 30 inside bash -c ': </dev/tcp/127.0.0.1/8081'
    kt start --docker
    check "a port taken: exit code 2" code_is 2
    check "… one line that names port and setting" says 'port 8081 .*STACK_REGISTRY_PORT'
    check "… and nothing was started" equal "none$(docker ps --quiet)" none
    end "$holder"
    kt start --docker --profile low-latency
    check "start after stop, with another profile: exit code 0" code_is 0
    check "… the data is still there" equal "$(end_offsets)" "$before"
    check "… the profile reaches the proxy" has_setting rest-proxy KAFKA_REST_PRODUCER_LINGER_MS=0
    if inside "$krush" serve --help | grep -q -- --producer; then
        kt logs rest-proxy
        check "… and its producer, says its first line" says 'linger.ms=0'
    fi
    kt status
    check "… and status names it" says 'profile low-latency'
    # A setting that the broker refuses.
    cp "$work/.env" "$run/good.env"
    echo KAFKA_NUM_IO_THREADS=many >>"$work/.env"
    kt start --docker
    check "a broker that cannot start: exit code 15" code_is 15
    check "… its last log lines say why" says 'Invalid value many for configuration num.io.threads'
    check "… and one line says which service" says '^kafka-test.sh: broker '
    cp "$run/good.env" "$work/.env"
    kt stop
    do_run timeout --signal INT --preserve-status 3 ./kafka-test.sh start --docker
    check "Ctrl-C in start: exit code 130" code_is 130
    kt start --docker --wait 2
    check "not healthy in time: exit code 15" code_is 15
    check "… with the last lines of what failed" says 'the last lines of '
    kt start --docker
    check "start after a failed one: exit code 0" code_is 0
    # clean asks.
    do_run bash -c 'echo n | ./kafka-test.sh clean'
    check "clean asks: no means no" says 'nothing was deleted'
    check "… and the data is still there" equal "$(end_offsets)" "$before"
    kt clean
    check "clean where nobody can be asked: exit code 2" code_is 2
    kt clean --yes
    check "clean --yes: exit code 0" code_is 0
    check "… no container, volume or network is left" equal "none$(left_over)" none
    check "… krush's image is still there" docker image inspect krush:local
}

left_over() {
    docker ps --all --quiet
    docker volume ls --quiet
    docker network ls --quiet --filter type=custom
}

part_cluster() {
    local before grown free
    free=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
    if ((free < 3000)); then
        printf 'SKIPPED: the cluster needs 3 GB of free memory, and there are %s MB\n' "$free"
        return
    fi
    kt start --docker --cluster
    check "start --cluster: exit code 0" code_is 0
    kt topics
    check "cluster: performance-test with 120 partitions" says '^performance-test +120 '
    describe broker-2 >"$run/out"
    check "cluster: replication 3, at least 2 in sync" says 'ReplicationFactor: 3.*min.insync.replicas=2'
    rm -f "$work"/results/*.json
    before=$(end_offsets broker-1)
    kt test-basic
    check "cluster: test-basic through HAProxy: exit code 0" code_is 0
    check "cluster: it went to HAProxy's port" grep ':8092' "$(report)"
    grown=$(($(end_offsets broker-1) - before))
    check "cluster: acked records are Kafka's end offsets ($grown)" equal "$(record_count "$(report)" acked)" "$grown"
    kt_image test-basic
    check "cluster: krush's image goes through HAProxy too" code_is 0
    kt status
    check "cluster: status shows seven services" equal "$(grep -cE '^[a-z0-9-]+ +(healthy|done) ' "$run/out")" 7
    docker kill --signal KILL "$(container rest-1)" >/dev/null
    # 22 s at worst by docker/haproxy.cfg, and this machine has three brokers to run besides.
    check "cluster: HAProxy notices that a proxy was killed" until_true 60 only_one_left
    kt test-basic
    check "cluster: with one proxy killed the other carries on" code_is 0
    kt clean --yes
    check "cluster: clean --yes leaves nothing" equal "none$(left_over)" none
}

# HAProxy has noticed that rest-1 is gone.
only_one_left() { inside curl -sf 'http://127.0.0.1:8093/;csv' | grep '^proxies,rest-1,.*,DOWN,'; }

# The same script where only docker-compose 1.29 is installed.
part_legacy() {
    do_run docker-compose --profile testing --profile cluster config --quiet
    check "docker-compose 1.29: the compose file is valid" code_is 0
    kt_legacy start --docker
    check "docker-compose 1.29: start: exit code 0" code_is 0
    check "… by docker-compose" says '\(docker-compose\)'
    check "docker-compose 1.29: status: exit code 0" after kt_legacy status
    check "… every service healthy, init done" says_states
    kt_legacy test-basic
    check "docker-compose 1.29: test-basic: exit code 0" code_is 0
    local before
    before=$(end_offsets)
    check "docker-compose 1.29: logs" after kt_legacy logs broker
    check "docker-compose 1.29: stop" after kt_legacy stop
    check "docker-compose 1.29: start again" after kt_legacy start
    check "… the data is still there" equal "$(end_offsets)" "$before"
    kt_legacy_image test-basic
    check "docker-compose 1.29: test-basic in krush's image: exit code 0" code_is 0
    kt_legacy_image test-basic --min-throughput 100M/s
    check "docker-compose 1.29: passes exit code 10 on" code_is 10
    kt_legacy clean --yes
    check "docker-compose 1.29: clean --yes leaves nothing" equal "none$(left_over)" none
}

# -- main --------------------------------------------------------------------------------------------------------------

# The tracked files, as they are now, and small heaps, so that three brokers fit into a small machine.
copy_files() {
    work=$run/krush
    mkdir -p "$work" "$run/home" "$run/bin" "$run/no-plugin" "$run/program"
    (
        cd "$root"
        git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
            xargs -0 -r ls -d 2>/dev/null | tar -c -T -
    ) | tar -x -C "$work"
    cat >"$work/.env" <<'END'
KAFKA_HEAP_OPTS=-Xms128m -Xmx256m
STACK_START_TIMEOUT=120
END
    cat >"$run/no-plugin/docker" <<END
#!/bin/sh
[ "\$1" != compose ] || { echo "docker: 'compose' is not a docker command." >&2; exit 1; }
exec $(command -v docker) "\$@"
END
    chmod +x "$run/no-plugin/docker"
    # A machine without krush and cargo.
    find /bin/ /sbin/ /usr/bin/ /usr/sbin/ -maxdepth 1 ! -name cargo ! -name krush -exec ln -sf -t "$run/bin" {} +
    ln -sf "$(command -v docker)" "$run/bin/docker"
}

parts=("$@")
((${#parts[@]})) || parts=("${all[@]}")
for name in "${parts[@]}"; do
    [[ " ${all[*]} " == *" $name "* ]] || die "no part $name; the parts are: ${all[*]}"
done
obstacle=$(engine_obstacle)
if [[ -n $obstacle ]]; then
    printf 'SKIPPED: the Docker path of kafka-test.sh was not tested: %s\n' "$obstacle"
    exit 0
fi
run=$(mktemp -d "$cache/run.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
copy_files
: >"$run/out"
: >"$run/err"
if ! engine_start; then
    printf 'SKIPPED: the Docker path of kafka-test.sh was not tested: no Docker engine can be started here\n'
    exit 0
fi
part=images
build_images
rust_image
# From here on a command that fails is a check that fails, and the next one is made all the same.
set +e
if build_krush; then
    for part in "${parts[@]}"; do
        printf '== %s (%s s)\n' "$part" "$SECONDS"
        "part_$part"
    done
fi
part=
printf '%s passed, %s failed\n' "$passed" "$failed"
((failed == 0))
