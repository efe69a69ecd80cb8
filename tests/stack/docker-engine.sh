# shellcheck shell=bash
# A Docker engine of its own, for docker.sh: in a network namespace, so that its bridges, firewall rules and published
# ports are nobody else's, and in a mount namespace, so that its mounts end with it. Images and build cache are kept in
# $cache/engine for the next run; everything else is gone after engine_stop.
#
# Wants $cache and say(); sets DOCKER_HOST and DOCKER_CONFIG.
# shellcheck disable=SC2154 # cache

compose_version=v2.40.3
engine_run=
engine_pid=

# Prints why no engine can start here; nothing if one can.
engine_obstacle() {
    if [[ $(uname -s) != Linux ]]; then
        echo "needs Linux"
    elif ((EUID != 0)); then
        echo "needs root, for a network namespace and dockerd"
    elif ! unshare --net --mount true 2>/dev/null; then
        echo "no new namespaces are allowed here"
    elif ! mkdir -p "$cache"; then
        echo "cannot write into target"
    elif ! engine_tools; then
        echo "missing, and not to be installed here: ${missing[*]} ($cache/apt.log)"
    elif ! compose_v2; then
        echo "Docker Compose $compose_version is missing, and go could not build it ($cache/compose.log)"
    fi
}

# Installs what is missing. Fails, with the packages in `missing`, where that cannot be done.
engine_tools() {
    missing=()
    command -v docker >/dev/null && command -v dockerd >/dev/null || missing+=(docker.io)
    # setuptools: the distutils that docker-compose 1.29 imports and that Python has no more.
    docker-compose version --short >/dev/null 2>&1 || missing+=(docker-compose python3-setuptools)
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v iptables >/dev/null || missing+=(iptables)
    command -v curl >/dev/null || missing+=(curl)
    command -v java >/dev/null || missing+=(default-jre-headless)
    command -v mvn >/dev/null || missing+=(maven)
    command -v c++ >/dev/null || missing+=(g++)
    command -v make >/dev/null || missing+=(make)
    ((${#missing[@]})) || return 0
    say "installing ${missing[*]}"
    {
        apt-get update -qq &&
            DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"
    } >"$cache/apt.log" 2>&1 </dev/null
}

# Compose v2 as a plugin of the client, in a configuration folder of our own. Built from source, where lint.sh builds and
# finds it too.
compose_v2() {
    local built=$cache/bin/docker-compose-v2 plugin=$cache/docker/cli-plugins/docker-compose
    if [[ $("$built" version --short 2>/dev/null) != "${compose_version#v}" ]]; then
        say "building Docker Compose $compose_version (3 min, once)"
        mkdir -p "$cache/compose-source" "${built%/*}"
        (
            cd "$cache/compose-source" && rm -f go.mod go.sum &&
                go mod init compose &&
                go get -tool "github.com/docker/compose/v2/cmd@$compose_version" &&
                go build -buildvcs=false -o "$built" \
                    -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$compose_version" \
                    github.com/docker/compose/v2/cmd
        ) >"$cache/compose.log" 2>&1 </dev/null || return 1
    fi
    mkdir -p "${plugin%/*}"
    ln -sf "$built" "$plugin"
}

# Runs a command where the engine's published ports are.
inside() { nsenter --net="/proc/$engine_pid/ns/net" -- "$@"; }

# By the shell's own list of running jobs: `kill -0` succeeds on a zombie too.
engine_alive() { [[ -n $engine_pid && " $(jobs -pr | tr '\n' ' ')" == *" $engine_pid "* ]]; }

engine_start() {
    # Two engines on one folder would destroy it.
    exec {engine_lock}>"$cache/engine.lock"
    flock --nonblock "$engine_lock" || die "another run uses the engine in $cache/engine"
    # Not below $cache: the path of a socket has at most 107 characters.
    engine_run=$(mktemp -d "${TMPDIR:-/tmp}/krush-engine.XXXXXX")
    export DOCKER_HOST=unix://$engine_run/docker.sock
    export DOCKER_CONFIG=$cache/docker
    unset DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH
    # dockerd takes the place of this process; its namespaces have no names and end with it. The containerd of the
    # machine's own engine, if it has one, is not to be found.
    # shellcheck disable=SC2016 # for the inner shell
    unshare --net --mount sh -euc 'ip link set lo up
        mkdir -p /run/containerd
        mount -t tmpfs tmpfs /run/containerd
        exec dockerd "$@"' dockerd \
        --data-root "$cache/engine" --exec-root "$engine_run/exec" \
        -H "$DOCKER_HOST" -p "$engine_run/docker.pid" \
        >"$engine_run/dockerd.log" 2>&1 </dev/null {engine_lock}>&- &
    engine_pid=$!
    local deadline=$((SECONDS + 60))
    until docker version >/dev/null 2>&1; do
        if ! engine_alive || ((SECONDS >= deadline)); then
            tail -n 20 "$engine_run/dockerd.log" >&2
            return 1
        fi
        sleep 0.2
    done
    # Of a run that was killed.
    engine_clear
}

# No container, volume or network is left, and no image without a name; those with one and the build cache stay.
engine_clear() {
    {
        docker ps --all --quiet | xargs -r docker rm --force
        docker volume ls --quiet | xargs -r docker volume rm
        docker network prune --force
        docker image prune --force
    } >/dev/null 2>&1 || :
}

# Takes down all containers, the engine and with it its namespaces. Runs in a trap: nothing here may end the script.
engine_stop() {
    if [[ -n $engine_pid ]]; then
        engine_clear
        kill "$engine_pid" 2>/dev/null || :
        # It ends its containers and containerd first.
        local deadline=$((SECONDS + 30))
        while engine_alive && ((SECONDS < deadline)); do
            sleep 0.1
        done
        if engine_alive; then kill -KILL "$engine_pid"; fi
        wait "$engine_pid" 2>/dev/null || :
    fi
    [[ -z $engine_run ]] || rm -rf "$engine_run"
    engine_pid='' engine_run=''
}
