# shellcheck shell=bash
# What kafka-test.sh and its two kinds of stack share: messages, settings, ports, HTTP. Sourced, not run; bash 3.2.

note() { printf '%s\n' "$*" >&2; }

# die CODE TEXT..: one line, and out.
die() {
    local code=$1
    shift
    note "kafka-test.sh: $*"
    exit "$code"
}

# need TOOL WHY: a missing tool is one line and exit code 2.
need() { command -v "$1" >/dev/null 2>&1 || die 2 "$1 is missing: $2"; }

# load_settings FILE: NAME=VALUE lines into the environment. What is there already stays, so what is loaded first wins.
load_settings() {
    local line name value number=0
    while IFS= read -r line || [[ -n $line ]]; do
        number=$((number + 1))
        line=${line%$'\r'}
        [[ $line =~ ^[[:space:]]*(#.*)?$ ]] && continue
        [[ $line =~ ^([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] ||
            die 2 "$1:$number: expected NAME=VALUE or a comment, not: $line"
        name=${BASH_REMATCH[1]}
        value=${BASH_REMATCH[2]}
        if [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]]; then
            value=${BASH_REMATCH[1]}
        fi
        [[ -n ${!name+set} ]] || export "$name=$value"
    done <"$1"
}

# listening PORT: something takes connections there, on 127.0.0.1.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# refuse_taken_port PORT SETTING WHAT
refuse_taken_port() {
    if listening "$1"; then
        die 2 "port $1 is taken, and $3 needs it: stop what listens there, or set $2 in .env (see .env.example)"
    fi
}

# http_get URL: the body, if the answer is a 2xx within 10 s.
http_get() { curl -sf -m 10 "$1"; }

# Seconds since the epoch with a fraction, by the best clock there is: bash 5, GNU date, perl, whole seconds.
now() {
    local nanos
    if [[ -n ${EPOCHREALTIME:-} ]]; then
        printf '%s\n' "${EPOCHREALTIME/,/.}"
    elif nanos=$(date +%s%N) && [[ $nanos =~ ^[0-9]{19}$ ]]; then
        printf '%s.%s\n' "${nanos:0:10}" "${nanos:10}"
    elif command -v perl >/dev/null 2>&1; then
        perl -MTime::HiRes=time -e 'printf "%.6f\n", time'
    else
        date +%s
    fi
}

# grouped NUMBER: 1234567 as 1,234,567.
grouped() {
    printf '%s' "$1" | awk '{ n = $1; out = ""
        while (length(n) > 3) { out = "," substr(n, length(n) - 2) out; n = substr(n, 1, length(n) - 3) }
        print n out }'
}

# The topics of the REST API at URL, a name a line.
topic_names() {
    local names
    names=$(http_get "$1/topics") || return 1
    printf '%s' "$names" | tr -d '[]" \n' | tr ',' '\n'
}

# topic_offsets URL TOPIC: "PARTITIONS BEGIN END", offsets summed over the partitions.
topic_offsets() {
    local partitions
    # One object a partition; those of its replicas say "broker".
    partitions=$(http_get "$1/topics/$2/partitions" | tr '{' '\n' | grep -c '"partition" *:') || return 1
    # One process and one connection for all of them.
    curl -sf -m 30 "$1/topics/$2/partitions/[0-$((partitions - 1))]/offsets" |
        awk -v partitions="$partitions" '
            { text = text $0 }
            END {
                while (match(text, /"(beginning|end)_offset" *: *[0-9]+/)) {
                    found = substr(text, RSTART, RLENGTH)
                    text = substr(text, RSTART + RLENGTH)
                    number = found
                    sub(/.*: */, "", number)
                    if (found ~ /^"end/) { end += number; seen++ } else { begin += number }
                }
                if (seen != partitions) exit 1
                printf "%d %.0f %.0f\n", partitions, begin, end
            }'
}
