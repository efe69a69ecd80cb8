# shellcheck shell=bash
# An Apache Kafka from Maven Central: its jars, versions locked and checksums verified, and its command-line tools.
# Sourced by kafka-test.sh and tests/kafka/run.sh; the caller defines `note`, and sets kafka_libs. bash 3.2.
# shellcheck disable=SC2154  # kafka_libs: see above

kafka_files=$(cd "$(dirname "${BASH_SOURCE[0]}")/kafka" && pwd)

# The version that pom.xml locks.
kafka_locked_version() { sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$kafka_files/pom.xml"; }

# kafka_version LIBS: the version of the jars in a folder, nothing if there is no broker in it.
kafka_version() {
    local jar
    for jar in "$1"/kafka_2.1[0-9]-[0-9]*.jar; do
        jar=${jar##*/kafka_2.1?-}
        [[ $jar == *'*'* ]] || printf '%s\n' "${jar%.jar}"
        return
    done
}

# java_version: the major version of `java`, 0 if there is none that runs (macOS has one that only complains).
java_version() {
    local version
    version=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1) || version=
    printf '%s\n' "${version:-0}"
}

# sha256_check LIST FOLDER: every file of LIST is in FOLDER with its checksum; names those that are not.
sha256_check() {
    local said tool='sha256sum'
    command -v sha256sum >/dev/null 2>&1 || tool='shasum -a 256'
    said=$(cd "$2" && $tool -c "$1" 2>&1) && return 0
    printf '%s\n' "$said" | grep -v ': OK$'
    return 1
}

# kafka_fetch: the jars of pom.xml in $kafka_libs, fetched again only if the lock changed; verified every time.
kafka_fetch() {
    local lock=$kafka_files/jars.sha256 fresh
    if ! cmp -s "$lock" "$kafka_libs/jars.sha256"; then
        note "fetching Apache Kafka $(kafka_locked_version) from Maven Central ($(grep -c . "$lock") jars, 45 MB, once)"
        rm -rf "$kafka_libs"
        mkdir -p "$(dirname "$kafka_libs")"
        fresh=$(mktemp -d "$kafka_libs.XXXXXX")
        # -C: a jar whose checksum is not the repository's ends the build.
        if ! mvn -q -B -C -Dstyle.color=never -f "$kafka_files/pom.xml" \
            org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy-dependencies \
            -DincludeScope=runtime -DoutputDirectory="$fresh" </dev/null >&2; then
            rm -rf "$fresh"
            note "Maven could not fetch Apache Kafka: see above"
            return 1
        fi
        cp "$lock" "$fresh/"
        chmod 755 "$fresh"
        mv "$fresh" "$kafka_libs"
    fi
    if ! sha256_check "$lock" "$kafka_libs" >&2; then
        # Not to be used, and fetched again the next time.
        rm -f "$kafka_libs/jars.sha256"
        note "the jars in $kafka_libs are not those of $lock: they are fetched again the next time"
        return 1
    fi
}

# kafka_tool CLASS ARGUMENT..: one of Kafka's own tools; about a second a call.
kafka_tool() { java -Xmx128m -XX:TieredStopAtLevel=1 -cp "$kafka_libs/*" "$@"; }

# kafka_configure CLIENT-PORT CONTROLLER-PORT DATA FILE: server.properties of a node on 127.0.0.1.
kafka_configure() {
    sed -e "s|@CLIENT@|$1|" -e "s|@CONTROLLER@|$2|" -e "s|@DATA@|$3|" "$kafka_files/server.properties" >"$4"
}

# kafka_format FILE: makes the data folder of that server.properties. One that is there keeps its cluster id, and records.
kafka_format() {
    local id
    [[ ! -e $(sed -n 's/^log.dirs=//p' "$1")/meta.properties ]] || return 0
    id=$(kafka_tool kafka.tools.StorageTool random-uuid) &&
        kafka_tool kafka.tools.StorageTool format --ignore-formatted --cluster-id "$id" --config "$1"
}
