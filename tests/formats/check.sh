#!/usr/bin/env bash
# Result formats read back by the tools that they are for, and their values held against the report. One line a check,
# `N passed, N failed, N skipped` at the end.
#
#   tests/formats/check.sh KRUSH    with this built krush
#
# Python's packages are installed below target/formats by pip, HdrHistogram's Java implementation comes from Maven
# Central, the schema of JUnit from pytest's source. What cannot be had here is SKIPPED in so many words; with CI=true,
# a failure where the tool to get it is there. Needs bash and Python 3; writes only below target/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec </dev/null

krush=${1:?the built krush}
krush=$(realpath "$krush")
here=$PWD/tests/formats
tools=$PWD/target/formats
work=$tools/run
work_e2e=$tools/e2e
work_audit=$tools/audit
work_comparison=$tools/comparison
passed=0 failed=0 skipped=0

hdr_version=2.2.2
hdr_jar=$tools/HdrHistogram-$hdr_version.jar
python=$tools/venv/bin/python
python_packages=(prometheus-client==0.26.0 hdrhistogram==0.10.8 xmlschema==4.3.2 jsonschema==4.26.0 junitparser==5.0.3)
# Its source has the schema of the JUnit reports that Jenkins reads.
schema_of=pytest==8.3.4
schema=$tools/junit-10.xsd

say() { printf '%s\n' "$*"; }

# What a check says goes to the screen only if it fails.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        passed=$((passed + 1))
        say "ok      $name${said:+: $said}"
    else
        failed=$((failed + 1))
        say "FAILED  $name"
        printf '%s\n' "$said" | sed 's/^/        /'
    fi
}

skip() {
    skipped=$((skipped + 1))
    say "SKIPPED $1: $2"
}

# Without it in CI, a tool that could be had would be missing without a word.
missing() {
    if [[ ${CI:-} == true ]]; then
        failed=$((failed + 1))
        say "FAILED  $1: $2"
    else
        skip "$1" "$2"
    fi
}

# A server that answers slowly now and then: a distribution worth the name.
run_krush() {
    run_into "$work" 'json md xml csv timeline.csv prom hgrm hlog bencher.json bigger.json smaller.json' "0 13" \
        basic --embedded --messages 20000 --fail-on 'p99 > 1h' --fail-on 'throughput < 1/s'
}

# The latency that matters to a consumer is in a report of its own command only.
run_e2e() {
    run_into "$work_e2e" 'json xml csv prom hlog bencher.json smaller.json' "0 13" \
        e2e --embedded --rate 500/s --duration 2s
}

# A target that acks records which it does not store.
run_audit() {
    run_into "$work_audit" 'json xml csv prom bencher.json bigger.json smaller.json' 14 \
        basic --embedded --verify --fault 'lose=5%'
}

# Held against a run of its own kind: the figures are there whatever they come to.
run_comparison() {
    local shape=(basic --embedded --rate 5k/s --duration 3s)
    run_into "$work_comparison" 'json' "0 13" "${shape[@]}"
    mv "$work_comparison/run.json" "$tools/baseline.json"
    run_into "$work_comparison" 'json csv prom' "0 11 12 13" "${shape[@]}" --baseline "$tools/baseline.json"
}

# Runs krush into a folder of its own, once for each format; its exit code is one of the words of the third argument.
run_into() {
    local folder=$1 endings=$2 codes=$3 ending code=0 outputs=()
    shift 3
    rm -rf "$folder"
    mkdir -p "$folder"
    for ending in $endings; do
        outputs+=(-o "run.$ending")
    done
    (cd "$folder" && "$krush" "$@" --history off --quiet "${outputs[@]}" >run.txt) || code=$?
    # 13: too busy a machine proves nothing, but its formats are as good.
    [[ " $codes " == *" $code "* ]] || return $((code == 0 ? 1 : code))
}

need_python() {
    [[ -x $python ]] && "$python" -c 'import prometheus_client, hdrh, xmlschema, jsonschema, junitparser' 2>/dev/null && return 0
    command -v python3 >/dev/null || return 1
    python3 -m venv "$tools/venv" >"$tools/venv.log" 2>&1 || return 1
    "$python" -m pip install --quiet --disable-pip-version-check "${python_packages[@]}" >>"$tools/venv.log" 2>&1
}

need_schema() {
    [[ -f $schema ]] && return 0
    rm -rf "$tools/sdist"
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
        --dest "$tools/sdist" "$schema_of" >"$tools/schema.log" 2>&1 || return 1
    tar -xzOf "$tools"/sdist/*.tar.gz --wildcards '*/junit-10.xsd' >"$schema.new" && mv "$schema.new" "$schema"
}

need_hdr_jar() {
    [[ -f $hdr_jar ]] && return 0
    command -v mvn >/dev/null || return 1
    mvn -q -B dependency:copy -Dartifact="org.hdrhistogram:HdrHistogram:$hdr_version" \
        -DoutputDirectory="$tools" >"$tools/mvn.log" 2>&1
}

java_hgrm() {
    # The reference implementation prints the distribution of the whole run from the interval log: the same lines.
    java -cp "$hdr_jar" org.HdrHistogram.HistogramLogProcessor -i "$work/run.hlog" -tag latency \
        -outputValueUnitRatio 1000 >"$work/java.out"
    "$python" "$here/check.py" same-distribution "$work/java.out" "$work/run.hgrm"
}

mkdir -p "$tools"
check "krush writes every format" run_krush
check "krush e2e writes its formats" run_e2e
check "krush writes a run that lost records" run_audit
check "krush writes a comparison" run_comparison
if need_python; then
    for what in prometheus csv timeline hlog hgrm bencher benchmark-action; do
        check "$what" "$python" "$here/check.py" "$what" "$work/run.json" "$work"
    done
    check end-to-end "$python" "$here/check.py" end-to-end "$work_e2e/run.json" "$work_e2e"
    check audit "$python" "$here/check.py" audit "$work_audit/run.json" "$work_audit"
    check comparison "$python" "$here/check.py" comparison "$work_comparison/run.json" "$work_comparison"
    if ! command -v java >/dev/null; then
        skip "HdrHistogram of Java" "no java here"
    elif need_hdr_jar; then
        check "HdrHistogram of Java" java_hgrm
    else
        missing "HdrHistogram of Java" "its jar cannot be had from Maven Central"
    fi
    if need_schema; then
        check junit "$python" "$here/check.py" junit "$work/run.json" "$work"
    else
        missing junit "the schema cannot be had"
    fi
else
    missing "readers in Python" "$(tail -n 1 "$tools/venv.log" 2>/dev/null || echo 'no python3 here')"
fi

say "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
