# shellcheck shell=bash
# The stack in Docker: docker-compose.yml by Compose v2 or docker-compose 1.29. Sourced by kafka-test.sh; bash 3.2.
# shellcheck disable=SC2154  # root and stack_cluster are set there

docker_up_log=$root/.stack/logs/compose.log

docker_answers() { command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

# Sets compose_command; exit code 2 and one line if there is no engine or no Compose.
docker_need() {
    need docker "install Docker, or use ./kafka-test.sh start --local (Java 17, no Docker)"
    docker info >/dev/null 2>&1 ||
        die 2 "no Docker engine answers: start it (is this user allowed to use it?), or use ./kafka-test.sh start --local"
    if docker compose version >/dev/null 2>&1; then
        compose_command=(docker compose)
    elif command -v docker-compose >/dev/null 2>&1; then
        compose_command=(docker-compose)
    else
        die 2 "no Docker Compose: install the plugin of docker (docker compose) or docker-compose 1.29"
    fi
}

compose() {
    (cd "$root" && "${compose_command[@]}" --profile testing --profile cluster "$@")
}

docker_url() {
    local port=$STACK_REST_PORT
    ((stack_cluster)) && port=$STACK_CLUSTER_REST_PORT
    printf 'http://127.0.0.1:%s\n' "$port"
}

docker_services() {
    if ((stack_cluster)); then
        printf '%s\n' broker-1 broker-2 broker-3 init-cluster rest-1 rest-2 haproxy
    else
        printf '%s\n' broker init schema-registry rest-proxy kafka-ui
    fi
}

docker_server_name() {
    if ((stack_cluster)); then
        printf 'two REST Proxies behind HAProxy, three brokers\n'
    else
        printf 'REST Proxy in Docker\n'
    fi
}

# A line a container of this project: SERVICE|IMAGE|ID|STATUS, STATUS as `docker ps` words it. One call for all, since
# docker-compose 1.29 takes a second a call; both kinds of Compose write these labels.
docker_containers() {
    docker ps -a --filter "label=com.docker.compose.project.working_dir=$root" \
        --filter label=com.docker.compose.oneoff=False \
        --format '{{.Label "com.docker.compose.service"}}|{{.Image}}|{{.ID}}|{{.Status}}'
}

# docker_field LIST SERVICE NUMBER
docker_field() { printf '%s\n' "$1" | awk -F'|' -v service="$2" -v field="$3" '$1 == service { print $field; exit }'; }

# docker_state SERVICE STATUS: one word for it.
docker_state() {
    case $2 in
    '') printf 'absent\n' ;;
    *'(healthy)'*) printf 'healthy\n' ;;
    *'(unhealthy)'*) printf 'unhealthy\n' ;;
    *'health: starting'*) printf 'starting\n' ;;
    'Exited (0)'*)
        case $1 in
        init*) printf 'done\n' ;;
        *) printf 'stopped\n' ;;
        esac
        ;;
    # 143: ended by SIGTERM, as `stop` does.
    'Exited (143)'*) printf 'stopped\n' ;;
    Exited* | Dead*) printf 'failed\n' ;;
    Created*) printf 'waiting\n' ;;
    Up*) printf 'running\n' ;;
    *) printf '%s\n' "$2" | awk '{ print tolower($1) }' ;;
    esac
}

docker_running() {
    local found
    found=$(docker_containers | awk -F'|' '$4 ~ /^Up/')
    [[ -n $found ]]
}

# Ports are refused before anything is started, unless a container of ours has them.
docker_check_ports() {
    local list service port setting rows
    list=$(docker_containers)
    if ((stack_cluster)); then
        rows="haproxy:$STACK_CLUSTER_REST_PORT:STACK_CLUSTER_REST_PORT haproxy:$STACK_CLUSTER_STATS_PORT:STACK_CLUSTER_STATS_PORT"
    else
        rows="broker:$STACK_BROKER_PORT:STACK_BROKER_PORT schema-registry:$STACK_REGISTRY_PORT:STACK_REGISTRY_PORT"
        rows="$rows rest-proxy:$STACK_REST_PORT:STACK_REST_PORT kafka-ui:$STACK_UI_PORT:STACK_UI_PORT"
    fi
    for service in $rows; do
        IFS=: read -r service port setting <<<"$service"
        [[ $(docker_field "$list" "$service" 4) == Up* ]] || refuse_taken_port "$port" "$setting" "$service"
    done
}

# Images of these services that this engine lacks are pulled first, in sight, so that the time-out is the servers' alone.
docker_pull() {
    local image missing=0
    for image in $(compose config | awk '$1 == "image:" { print $2 }' | sort -u); do
        case $image in
        "$KRUSH_IMAGE") ;;
        *haproxy*) ((!stack_cluster)) || docker image inspect "$image" >/dev/null 2>&1 || missing=1 ;;
        *schema-registry* | *kafka-ui*) ((stack_cluster)) || docker image inspect "$image" >/dev/null 2>&1 || missing=1 ;;
        *) docker image inspect "$image" >/dev/null 2>&1 || missing=1 ;;
        esac
    done
    ((missing)) || return 0
    note "pulling images (about 2 GB the first time)"
    # shellcheck disable=SC2046
    compose pull $(docker_services) >&2 || die 15 "images could not be pulled: see above"
}

docker_start() {
    docker_check_ports
    docker_pull
    mkdir -p "$(dirname "$docker_up_log")"
    note "starting $(docker_server_name), profile $STACK_PROFILE (${compose_command[*]})"
    # In the background, since `up` says nothing while it waits, and in a process group of its own, so that it can be
    # ended as a whole; what it says is kept.
    set -m
    # shellcheck disable=SC2046
    compose up -d $(docker_services) >"$docker_up_log" 2>&1 </dev/null &
    docker_up=$!
    set +m
    trap 'kill -- "-$docker_up" 2>/dev/null; exit 130' INT TERM
    docker_wait "$docker_up"
    trap - INT TERM
    note "ready: $(docker_server_name), at $(docker_url)"
    ((stack_cluster)) || note "  Kafka at localhost:$STACK_BROKER_PORT, Schema Registry http://localhost:$STACK_REGISTRY_PORT, Kafka UI http://localhost:$STACK_UI_PORT"
    ((!stack_cluster)) || note "  HAProxy's statistics at http://localhost:$STACK_CLUSTER_STATS_PORT"
}

# docker_wait UP-PROCESS: shows each change of state; the last log lines of what failed, and exit code 15.
docker_wait() {
    local up=$1 began=$SECONDS shown='' current list service state waiting failed ended=0 status=0 next_word=$((SECONDS + 15))
    while :; do
        list=$(docker_containers)
        current='' waiting='' failed=''
        for service in $(docker_services); do
            state=$(docker_state "$service" "$(docker_field "$list" "$service" 4)")
            # Before `up` has come to it, what is stopped or failed is of an earlier start.
            if ((!ended)); then
                case $state in stopped | failed | absent) state=waiting ;; esac
            fi
            current="$current $service=$state "
            if [[ $shown != *" $service=$state "* ]]; then
                [[ $state == waiting ]] || note "$(printf '  %-16s %s (%s s)' "$service" "$state" $((SECONDS - began)))"
            fi
            case $state in
            healthy | done) ;;
            unhealthy | failed | stopped | absent) failed="$failed $service" ;;
            *) waiting="$waiting $service" ;;
            esac
        done
        shown=$current
        if ((ended)) && { ((status)) || [[ -n $failed ]]; }; then
            docker_failed "$list" "${failed:-$waiting}" "could not be started"
        elif [[ -z $waiting$failed ]] && ((ended)); then
            return
        elif ((SECONDS - began >= STACK_START_TIMEOUT)); then
            kill -- "-$up" 2>/dev/null || :
            docker_failed "$list" "$failed$waiting" "was not healthy within $STACK_START_TIMEOUT s"
        elif ((SECONDS >= next_word)); then
            next_word=$((SECONDS + 15))
            note "  waiting for:$failed$waiting ($((SECONDS - began)) s)"
        fi
        if ((!ended)) && ! kill -0 "$up" 2>/dev/null; then
            wait "$up" || status=$?
            ended=1
            continue
        fi
        sleep 1
    done
}

# docker_failed LIST SERVICES WHY: of those that are not healthy, the one that the others wait for is the first that runs
# or ran; its log says why.
docker_failed() {
    local service id
    for service in $2; do
        id=$(docker_field "$1" "$service" 3)
        if [[ -n $id && $(docker_field "$1" "$service" 4) != Created* ]]; then
            note "the last lines of $service:"
            docker logs --tail 30 "$id" >&2 || :
            die 15 "$service $3"
        fi
    done
    note "the last lines of ${compose_command[*]} up:"
    tail -n 20 "$docker_up_log" >&2
    die 15 "the stack $3"
}

docker_stop() {
    docker_need
    compose stop >&2
}

docker_status() {
    docker_need
    local list service state worst=0
    list=$(docker_containers)
    printf '%-16s %-10s %-44s %s\n' SERVICE STATE IMAGE STATUS
    for service in $(docker_services); do
        state=$(docker_state "$service" "$(docker_field "$list" "$service" 4)")
        case $state in healthy | done) ;; *) worst=15 ;; esac
        printf '%-16s %-10s %-44s %s\n' "$service" "$state" "$(docker_field "$list" "$service" 2)" \
            "$(docker_field "$list" "$service" 4)"
    done
    if ((stack_cluster)); then
        printf 'ports: REST %s, HAProxy statistics %s\n' "$STACK_CLUSTER_REST_PORT" "$STACK_CLUSTER_STATS_PORT"
    else
        printf 'ports: REST %s, Kafka %s, Schema Registry %s, Kafka UI %s\n' \
            "$STACK_REST_PORT" "$STACK_BROKER_PORT" "$STACK_REGISTRY_PORT" "$STACK_UI_PORT"
    fi
    return "$worst"
}

docker_versions() {
    printf 'Docker %s, %s\n' "$(docker version --format '{{.Server.Version}}')" \
        "$("${compose_command[@]}" version 2>/dev/null | head -n 1)"
}

# docker_logs FOLLOW [SERVICE]
docker_logs() {
    docker_need
    local options=(--tail=100)
    (($1)) && options+=(-f)
    compose logs "${options[@]}" ${2:+"$2"}
}

# docker_clean ALL: containers, networks and volumes; with ALL the image that was built for krush too.
docker_clean() {
    docker_need
    compose down -v --remove-orphans >&2
    if (($1)) && docker image inspect "$KRUSH_IMAGE" >/dev/null 2>&1; then
        docker image rm "$KRUSH_IMAGE" >&2
    fi
}

# docker_run PRESET FLAG..: krush from its image. What the user set for krush goes with it, but for the address, which
# is another one inside.
docker_run() {
    local preset=$1 options=(--rm) name
    shift
    docker_need
    [[ -t 0 && -t 1 ]] || options+=(-T)
    for name in $(compgen -e | grep '^KRUSH_'); do
        case $name in
        KRUSH_URL | KRUSH_IMAGE) ;;
        *) options+=(-e "$name") ;;
        esac
    done
    if [[ -n ${KRUSH_URL:-} && $KRUSH_URL != "$(docker_url)" ]]; then
        options+=(-e "KRUSH_URL=$KRUSH_URL")
    elif ((stack_cluster)); then
        options+=(-e KRUSH_URL=http://haproxy:8082)
    fi
    # What runs is what was started, with the settings of that time: it is not to be started again for a test.
    docker_running && options+=(--no-deps)
    compose run "${options[@]}" "test-$preset" "$@"
}
