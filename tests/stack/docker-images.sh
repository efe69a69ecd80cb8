# shellcheck shell=bash
# The images of docker-compose.yml for docker.sh's engine, which can pull nothing: under their very names, so that the
# compose file stays as it is, but made of a Debian tree, Kafka's jars and krush (tests/stack/images). What is heavy is
# kept in $cache, and in the engine's own build cache.
#
# Wants $root, $cache, say(), do_run(), and stack/kafka.sh with kafka_libs set.
# shellcheck disable=SC2154 # root, run, cache, kafka_libs

build_log=$cache/build.log
base_image=krush-test/base
base_packages=ca-certificates,gcc,haproxy,libc6-dev,openjdk-17-jre-headless,procps,wget
# Where no image may look: documentation, translations, caches.
base_unused=(./usr/share/doc ./usr/share/man ./usr/share/locale ./usr/share/info ./var/cache ./var/lib/apt/lists)

# Debian with all that any of the images needs, as one layer.
base() {
    local tree=$cache/base recipe="bookworm $base_packages"
    if [[ $(cat "$tree.recipe" 2>/dev/null) != "$recipe" ]]; then
        say "fetching Debian for the test images (2 min, once)"
        rm -rf "$tree" "$tree.recipe"
        debootstrap --variant=minbase --include="$base_packages" bookworm "$tree" >"$tree.log" 2>&1 </dev/null ||
            { tail -n 5 "$tree.log" >&2 && return 1; }
        echo "$recipe" >"$tree.recipe"
    fi
    if [[ $(docker image inspect --format '{{.Comment}}' "$base_image" 2>/dev/null) != "$recipe" ]]; then
        tar -C "$tree" "${base_unused[@]/#/--exclude=}" -c . |
            docker import --message "$recipe" - "$base_image" >/dev/null
    fi
}

# The image of that name, with the version that docker-compose.yml or docker/Dockerfile has.
image_named() {
    local image
    for image in "${images[@]}"; do
        [[ ${image%:*} == "$1" ]] && echo "$image" && return
    done
    say "docker-compose.yml and docker/Dockerfile name no image $1"
    return 1
}

# build REPOSITORY FOLDER [TAR ARGUMENT ..]: tests/stack/images/FOLDER, with what else tar puts into the context.
build() {
    local name folder=$root/tests/stack/images/$2
    name=$(image_named "$1")
    shift 2
    if ! tar -c -C "$folder" . "$@" |
        DOCKER_BUILDKIT=0 docker build --build-arg BASE="$base_image" --tag "$name" - >"$build_log" 2>&1; then
        tail -n 20 "$build_log" >&2
        return 1
    fi
}

# The crates of Cargo.lock for a build without network.
vendor() {
    cmp -s "$root/Cargo.lock" "$cache/vendor.lock" && return
    say "copying the crates of Cargo.lock"
    rm -rf "$cache/vendor"
    (cd "$root" && cargo vendor --quiet --locked --versioned-dirs "$cache/vendor" >/dev/null)
    cp "$root/Cargo.lock" "$cache/vendor.lock"
}

build_images() {
    local shared=$root/tests/stack/images
    do_run docker compose --profile '*' config --images
    mapfile -t images < <(
        sort -u "$run/out"
        sed -n 's/^FROM \(rust:[^ ]*\).*/\1/p' "$root/docker/Dockerfile"
    )
    base
    kafka_fetch
    build confluentinc/cp-kafka kafka -C "${kafka_libs%/*}" "${kafka_libs##*/}"
    build confluentinc/cp-schema-registry schema-registry -C "$shared" wait-for-kafka answer.pl
    build kafbat/kafka-ui kafka-ui -C "$shared" answer.pl
    build haproxy haproxy
    say "building krush with the feature kafka"
    # With the tests' dependencies, whose features are other ones: what the tests have built is built.
    (cd "$root" && cargo build --quiet --locked --features kafka --bin krush --test it --target-dir target)
    build confluentinc/cp-kafka-rest kafka-rest -C "$shared" wait-for-kafka -C "$root/target/debug" krush
}

# The image that docker/Dockerfile builds on.
rust_image() {
    local sysroot
    sysroot=$(cd "$root" && rustc --print sysroot)
    vendor
    printf '%s\n' '[source.crates-io]' 'replace-with = "vendored"' \
        '[source.vendored]' 'directory = "/usr/local/cargo/vendor"' >"$cache/cargo.toml"
    build rust rust -C "$cache" vendor cargo.toml \
        -C "$sysroot" --transform 's,^bin/,toolchain/bin/,S' --transform 's,^lib/,toolchain/lib/,S' bin/cargo bin/rustc lib
}
