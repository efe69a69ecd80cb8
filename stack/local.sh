# shellcheck shell=bash
# The stack without Docker: a real Apache Kafka with `krush serve --kafka` as its HTTP front, on 127.0.0.1.
# Data, logs and process ids are below .stack/. Sourced by kafka-test.sh; bash 3.2.
# shellcheck disable=SC2154  # root and kafka_files are set there and in kafka.sh

local_dir=$root/.stack
local_broker_log=$local_dir/logs/broker.log
local_front_log=$local_dir/logs/front.log

# Kafka's clock is trusted for so long after a kill -9 (9 s by default): a restart is ready in 5 s instead of 13.
local_overrides=(
    broker.session.timeout.ms=2000
    broker.heartbeat.interval.ms=500
)

local_url() { printf 'http://127.0.0.1:%s\n' "$STACK_REST_PORT"; }

local_services() { printf '%s\n' broker front; }

# What every output calls the server that is measured.
local_server_name() { printf 'krush front on Apache Kafka %s, not a REST Proxy\n' "$(kafka_version "$kafka_libs")"; }

# A word of the service's command line that nobody else's has.
local_mark() {
    case $1 in
    broker) printf '%s\n' "$local_dir/server.properties" ;;
    front) printf '%s\n' "serve --host 127.0.0.1 --port" ;;
    esac
}

# local_pid SERVICE: its process id, if it is alive. A process that only has its number, or is a zombie, is not it.
local_pid() {
    local pid state
    pid=$(cat "$local_dir/run/$1.pid" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 1
    state=$(ps -o stat= -p "$pid" 2>/dev/null) && [[ $state != *Z* ]] || return 1
    ps -ww -o command= -p "$pid" 2>/dev/null | grep -qF -- "$(local_mark "$1")" || return 1
    printf '%s\n' "$pid"
}

local_alive() { local_pid "$1" >/dev/null; }

local_running() { local_alive broker || local_alive front; }

# spawn SERVICE LOG COMMAND..: in a process group of its own, so that Ctrl-C in a test does not reach it, and deaf to the
# end of the terminal.
local_spawn() {
    local service=$1 log=$2
    shift 2
    (
        set -m
        nohup "$@" >>"$log" 2>&1 </dev/null &
        printf '%s\n' $! >"$local_dir/run/$service.pid"
    )
}

# A missing tool is one line and exit code 2.
local_need() {
    need curl "the stack is asked over HTTP (apt-get install curl)"
    need ps "the stack's processes are found with it (apt-get install procps)"
    local version
    version=$(java_version)
    ((version >= 17)) || die 2 "Java 17 or later is needed for Apache Kafka 4, and $(
        if ((version)); then printf 'this is Java %s' "$version"; else printf 'there is none'; fi
    ): install it (apt-get install default-jre-headless, brew install openjdk)"
}

# Sets kafka_libs to the jars of KAFKA_HOME, or of Maven Central.
local_find_kafka() {
    if [[ -n ${KAFKA_HOME:-} ]]; then
        kafka_libs=$KAFKA_HOME/libs
        local version
        version=$(kafka_version "$kafka_libs")
        [[ $version == [4-9].* ]] ||
            die 2 "KAFKA_HOME=$KAFKA_HOME has ${version:+Apache Kafka $version}${version:-no libs/kafka_2.13-*.jar}: an unpacked Apache Kafka 4 is needed"
        return
    fi
    kafka_libs=$local_dir/kafka
    if ! cmp -s "$kafka_files/jars.sha256" "$kafka_libs/jars.sha256"; then
        need mvn "Apache Kafka is fetched with Maven (apt-get install maven); or unpack one yourself and set KAFKA_HOME"
    fi
    kafka_fetch || die 15 "Apache Kafka could not be had"
}

has_front() { "$1" --version 2>/dev/null | grep -q '^features:.*kafka'; }

# Sets local_front to a krush that was built with the feature `kafka`, building it if there is none.
local_find_front() {
    local built=$root/target/release/krush
    for local_front in "${KRUSH:-}" "$built" "$(command -v krush || :)"; do
        if [[ -n $local_front ]] && has_front "$local_front"; then
            return
        fi
    done
    need cargo "krush with its Kafka front is built with it (https://rustup.rs); or set KRUSH to a krush built with --features kafka"
    need c++ "the Kafka front builds librdkafka (apt-get install g++ make; macOS: xcode-select --install)"
    need make "the Kafka front builds librdkafka (apt-get install g++ make; macOS: xcode-select --install)"
    note "building krush with its Kafka front (2 to 4 minutes, once)"
    (cd "$root" && cargo build --release --locked --features kafka) >&2 || die 1 "krush could not be built: see above"
    local_front=$built
    has_front "$local_front" || die 1 "$built has no Kafka front after building it: is CARGO_TARGET_DIR set?"
}

# Ready = a Metadata request is answered; the port opens a moment earlier, and a new node formats its folder first.
local_start_broker() {
    kafka_configure "$STACK_BROKER_PORT" "$STACK_CONTROLLER_PORT" "$local_dir/data" "$local_dir/server.properties"
    kafka_format "$local_dir/server.properties" >"$local_dir/logs/format.log" 2>&1 || {
        tail -n 20 "$local_dir/logs/format.log" >&2
        die 15 "the data folder could not be made (above: the last lines of .stack/logs/format.log)"
    }
    local options=() setting
    for setting in "${local_overrides[@]}" "${local_tuning[@]}"; do
        options+=(--override "$setting")
    done
    # Heap settings are several words.
    # shellcheck disable=SC2086
    local_spawn broker "$local_broker_log" java $KAFKA_HEAP_OPTS -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
        -Dlog4j2.configurationFile="$kafka_files/log4j2.properties" -cp "$kafka_libs/*" \
        kafka.Kafka "$local_dir/server.properties" "${options[@]}"
    local_wait broker "$local_broker_log" listening "$STACK_BROKER_PORT"
}

local_start_front() {
    local options=() setting
    for setting in ${local_producer[@]+"${local_producer[@]}"}; do
        options+=(--producer "$setting")
    done
    local_spawn front "$local_front_log" "$local_front" serve --host 127.0.0.1 --port "$STACK_REST_PORT" \
        --kafka "127.0.0.1:$STACK_BROKER_PORT" --kafka-version "$(kafka_version "$kafka_libs")" \
        ${options[@]+"${options[@]}"}
    # It listens once a broker answered it, and GET /brokers asks that broker again.
    local_wait front "$local_front_log" http_get "$(local_url)/brokers"
}

# local_wait SERVICE LOG CHECK..: until CHECK succeeds; its last log lines and exit code 15 if it died or took too long.
local_wait() {
    local service=$1 log=$2 began=$SECONDS next_word=$((SECONDS + 10))
    shift 2
    note "  $service: waiting"
    until "$@" >/dev/null 2>&1; do
        if ! local_alive "$service"; then
            local_failed "$service" "$log" "ended while it was starting"
        elif ((SECONDS - began >= STACK_START_TIMEOUT)); then
            local_failed "$service" "$log" "was not ready within $STACK_START_TIMEOUT s"
        elif ((SECONDS >= next_word)); then
            next_word=$((SECONDS + 10))
            note "  $service: still waiting ($((SECONDS - began)) s)"
        fi
        sleep 0.5
    done
    note "  $service: ready after $((SECONDS - began)) s"
}

local_failed() {
    note "the last lines of ${2#"$root"/}:"
    tail -n 20 "$2" >&2 || :
    die 15 "$1 $3"
}

# Which settings of the profile go where. The front has neither a heap nor consumer threads nor an access log.
local_translate_profile() {
    local_tuning=(
        "num.network.threads=$KAFKA_NUM_NETWORK_THREADS"
        "num.io.threads=$KAFKA_NUM_IO_THREADS"
        "socket.send.buffer.bytes=$KAFKA_SOCKET_SEND_BUFFER_BYTES"
        "num.partitions=$KAFKA_NUM_PARTITIONS"
        "compression.type=$KAFKA_COMPRESSION_TYPE"
    )
    local_producer=(
        "batch.size=$KAFKA_REST_PRODUCER_BATCH_SIZE"
        "linger.ms=$KAFKA_REST_PRODUCER_LINGER_MS"
        "compression.type=$KAFKA_REST_PRODUCER_COMPRESSION_TYPE"
        "buffer.memory=$KAFKA_REST_PRODUCER_BUFFER_MEMORY"
        "acks=$KAFKA_REST_PRODUCER_ACKS"
        "retries=$KAFKA_REST_PRODUCER_RETRIES"
    )
}

local_create_topics() {
    local pair topic partitions
    for pair in "performance-test:$STACK_PARTITIONS" "performance-test-consumer:$STACK_CONSUMER_PARTITIONS"; do
        topic=${pair%:*} partitions=${pair##*:}
        # The front knows in milliseconds; Kafka's own tool takes a second, once.
        http_get "$(local_url)/topics/$topic" >/dev/null ||
            kafka_tool org.apache.kafka.tools.TopicCommand --bootstrap-server "127.0.0.1:$STACK_BROKER_PORT" \
                --create --if-not-exists --topic "$topic" --partitions "$partitions" --replication-factor 1 \
                >"$local_dir/logs/topics.log" 2>&1 ||
            local_failed "topic $topic" "$local_dir/logs/topics.log" "could not be created"
    done
}

local_start() {
    local_find_kafka
    local_find_front
    local_translate_profile
    mkdir -p "$local_dir/run" "$local_dir/logs"
    note "starting Apache Kafka $(kafka_version "$kafka_libs") and krush's front, profile $STACK_PROFILE, on 127.0.0.1"
    note "  of the profile, KAFKAREST_HEAP_OPTS, KAFKA_REST_CONSUMER_THREADS and KAFKA_REST_LOG4J_LOGGERS have no effect on the front"
    # Another profile, another krush or other ports: what runs is not what was asked for.
    local asked="$STACK_BROKER_PORT $STACK_REST_PORT $kafka_libs $local_front $KAFKA_HEAP_OPTS ${local_tuning[*]} ${local_producer[*]}"
    if local_running && [[ $asked != "$(cat "$local_dir/run/settings" 2>/dev/null)" ]]; then
        note "  the settings have changed: restarting"
        local_stop
    fi
    if local_alive broker; then
        note "  broker: running already"
    else
        refuse_taken_port "$STACK_BROKER_PORT" STACK_BROKER_PORT "Apache Kafka"
        refuse_taken_port "$STACK_CONTROLLER_PORT" STACK_CONTROLLER_PORT "Apache Kafka's controller"
        # Both before the first is started: nothing is to be half up.
        local_alive front || refuse_taken_port "$STACK_REST_PORT" STACK_REST_PORT "krush's front"
        printf '%s\n' "$asked" >"$local_dir/run/settings"
        local_start_broker
    fi
    if local_alive front; then
        local_wait front "$local_front_log" http_get "$(local_url)/brokers"
    else
        refuse_taken_port "$STACK_REST_PORT" STACK_REST_PORT "krush's front"
        local_start_front
    fi
    local_create_topics
    note "ready: $(local_server_name), at $(local_url); Kafka at 127.0.0.1:$STACK_BROKER_PORT"
}

# local_end SERVICE SECONDS: SIGTERM, and SIGKILL if it does not help in time.
local_end() {
    local pid began=$SECONDS
    if pid=$(local_pid "$1"); then
        kill -TERM "$pid" 2>/dev/null || :
        while local_alive "$1" && ((SECONDS - began < $2)); do
            sleep 0.2
        done
        if local_alive "$1"; then
            note "  $1: did not end in $2 s, killed"
            kill -KILL "$pid" 2>/dev/null || :
        else
            note "  $1: stopped"
        fi
    fi
    rm -f "$local_dir/run/$1.pid"
}

# The front first, so that it does not see the broker go.
local_stop() {
    need ps "the stack's processes are found with it (apt-get install procps)"
    local_end front 10
    local_end broker 30
}

local_status() {
    local service pid worst=0
    printf '%-10s %-9s %-8s %s\n' SERVICE STATE PID ADDRESS
    for service in broker front; do
        local state=down port=$STACK_BROKER_PORT
        pid=-
        [[ $service == front ]] && port=$STACK_REST_PORT
        if pid=$(local_pid "$service"); then
            state=healthy
            if [[ $service == broker ]]; then
                listening "$port" || state=unhealthy
            else
                http_get "$(local_url)/brokers" >/dev/null || state=unhealthy
            fi
        else
            pid=-
            # A pid file whose process is gone: it was not stopped, it died.
            [[ ! -e $local_dir/run/$service.pid ]] || state=died
        fi
        [[ $state == healthy ]] || worst=15
        printf '%-10s %-9s %-8s 127.0.0.1:%s\n' "$service" "$state" "$pid" "$port"
    done
    return "$worst"
}

# Sets kafka_libs without fetching anything.
local_known_kafka() {
    if [[ -n ${KAFKA_HOME:-} ]]; then kafka_libs=$KAFKA_HOME/libs; else kafka_libs=$local_dir/kafka; fi
}

local_versions() { printf 'Apache Kafka %s (%s), Java %s\n' "$(kafka_version "$kafka_libs")" "$kafka_libs" "$(java_version)"; }

# local_logs FOLLOW [SERVICE]
local_logs() {
    local follow=$1 logs=("$local_broker_log" "$local_front_log") options=(-n 100)
    case ${2:-} in
    '') ;;
    broker) logs=("$local_broker_log") ;;
    front) logs=("$local_front_log") ;;
    *) die 2 "logs: no service $2; there are: broker front" ;;
    esac
    [[ -e ${logs[0]} ]] || die 2 "logs: there are none yet: ./kafka-test.sh start --local"
    ((follow)) && options+=(-f)
    tail "${options[@]}" "${logs[@]}"
}

# local_clean ALL: stops it and deletes data and logs; with ALL the jars too.
local_clean() {
    local_stop
    rm -rf "$local_dir/data" "$local_dir/logs" "$local_dir/run" "$local_dir/server.properties"
    (($1)) && rm -rf "$local_dir/kafka"
    return 0
}
