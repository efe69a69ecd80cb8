#!/usr/bin/env bash
# krush beside the public load generators of this machine, in turn, against the same server.
#
#   benches/compare.sh                                    every tool that is installed, every workload, 5 repeats
#   benches/compare.sh --workloads W1 --tools krush,wrk   a part of it
#   benches/compare.sh --url http://proxy:8082 --topic perf-test
#
# Needs bash, awk, and the release build (made with cargo if it is not there). docs/performance.md says how to read the
# result. Writes only to a temporary folder, and to the file of --save.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)

all_tools=(krush wrk wrk-fresh oha ab h2load hey k6 vegeta)
all_workloads=(W1 W2 W2c500 W3)
content_type=application/vnd.kafka.json.v2+json
ready_secs=10

tools=()
workloads=()
repeats=5
duration=6
url=
topic=perf-test
answers=chunked
krush=
save=

work=
server=
client=

usage() {
    cat <<USAGE
usage: benches/compare.sh [FLAGS]

  --workloads LIST     of ${all_workloads[*]} (default: all)
  --tools LIST         of ${all_tools[*]} (default: those installed)
  --repeats N          how often each is run (default $repeats)
  --duration SECS      length of one run, whole seconds (default $duration)
  --answers KIND       chunked, as a Confluent REST Proxy sends them, or length (default $answers)
  --url URL            a server of yours instead of a krush serve of this script's own; requests are then
                       counted by the tools themselves. They write records into it
  --topic NAME         topic that is produced to; with --url it must exist (default $topic)
  --krush PATH         the krush to run (default target/release/krush, built if it is missing)
  --save FILE          every single run, as CSV
  -h, --help           this

  W1: 1 record, 64 connections            W2: 1,000 records of 200 B, 50 connections
  W3: 10 records of 64 KiB, 50            W2c500: the same over 500 connections
USAGE
}

say() { printf '%s\n' "$*" >&2; }
bad() {
    say "error: $1"
    [[ -z ${2-} ]] || say "hint: $2"
    exit 2
}
die() {
    say "error: $*"
    exit 1
}

clean_up() {
    trap - EXIT INT TERM
    local pid
    for pid in $client $server; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    [[ -z $work ]] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- what was typed

one_of() { # value, all values...
    local value=$1 each
    shift
    for each in "$@"; do [[ $each != "$value" ]] || return 0; done
    return 1
}

whole_number() { # flag, value
    [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || bad "$1: \`$2\` is not a whole number from 1" "write $1 3"
}

parse() {
    local flag value
    while (($#)); do
        flag=$1
        case $flag in
        -h | --help)
            usage
            exit 0
            ;;
        --workloads | --tools | --repeats | --duration | --answers | --url | --topic | --krush | --save) ;;
        *) bad "$flag is not a flag of this script" "benches/compare.sh --help lists them" ;;
        esac
        [[ -n ${2-} ]] || bad "$flag needs a value" "benches/compare.sh --help says which"
        value=$2
        shift 2
        case $flag in
        --workloads) IFS=, read -ra workloads <<<"$value" ;;
        --tools) IFS=, read -ra tools <<<"$value" ;;
        --repeats)
            whole_number "$flag" "$value"
            repeats=$value
            ;;
        --duration)
            whole_number "$flag" "$value"
            duration=$value
            ;;
        --answers) answers=$value ;;
        --url) url=${value%/} ;;
        --topic) topic=$value ;;
        --krush) krush=$value ;;
        --save) save=$value ;;
        esac
    done
    local each
    ((${#workloads[@]})) || workloads=("${all_workloads[@]}")
    for each in "${workloads[@]}"; do
        one_of "$each" "${all_workloads[@]}" ||
            bad "--workloads: \`$each\` is not a workload" "they are ${all_workloads[*]}, separated by commas"
    done
    ((${#tools[@]})) || tools=("${all_tools[@]}")
    for each in "${tools[@]}"; do
        one_of "$each" "${all_tools[@]}" ||
            bad "--tools: \`$each\` is not a tool that this script knows" "they are ${all_tools[*]}, separated by commas"
    done
    one_of "$answers" chunked length || bad "--answers: \`$answers\` is no kind of answer" "write chunked or length"
    [[ $topic =~ ^[A-Za-z0-9._-]{1,249}$ ]] ||
        bad "--topic: \`$topic\` is not a topic name" "write 1 to 249 of a-z A-Z 0-9 . _ -"
    [[ -z $url || $url =~ ^https?://(\[[0-9a-fA-F:]+\]|[^/:?#@]+)(:[0-9]+)?(/[^?#]*)?$ ]] ||
        bad "--url: \`$url\` is not the URL of a server" "write http://HOST:PORT"
    if [[ -n $save ]]; then
        { [[ ! -d $save ]] && : >>"$save"; } 2>/dev/null ||
            bad "--save: cannot write \`$save\`" "name a file in a folder that exists"
    fi
    if [[ -n $krush && ! -x $krush ]]; then
        bad "--krush: \`$krush\` is not a program" "build it with: cargo build --release"
    fi
}

# --- tools

program_of() { # tool
    case $1 in
    krush) printf '%s' "$krush" ;;
    wrk-fresh) printf wrk ;;
    *) printf '%s' "$1" ;;
    esac
}

how_to_get() { # program
    case $1 in
    wrk) echo "apt-get install wrk | brew install wrk" ;;
    oha) echo "cargo install oha | brew install oha" ;;
    ab) echo "apt-get install apache2-utils | brew install httpd" ;;
    h2load) echo "apt-get install nghttp2-client | brew install nghttp2" ;;
    hey) echo "apt-get install hey | go install github.com/rakyll/hey@latest | brew install hey" ;;
    k6) echo "go install go.k6.io/k6@latest | brew install k6" ;;
    vegeta) echo "go install github.com/tsenart/vegeta/v12@latest | brew install vegeta" ;;
    esac
}

# Whether a tool makes each record anew, as krush has to.
is_fresh() {
    case $1 in
    krush | wrk-fresh) echo yes ;;
    *) echo no ;;
    esac
}

choose_tools() {
    local each program found=() told=' '
    for each in "${tools[@]}"; do
        program=$(program_of "$each")
        if command -v "$program" >/dev/null; then
            found+=("$each")
            continue
        fi
        [[ $told != *" $program "* ]] || continue
        told+="$program "
        say "missing: $program ($(how_to_get "$program"))"
    done
    ((${#found[@]})) || die "none of the tools asked for can be used"
    tools=("${found[@]}")
}

need_krush() {
    [[ -z $krush ]] || return 0
    krush=$root/target/release/krush
    [[ ! -x $krush ]] || return 0
    command -v cargo >/dev/null || bad "there is no $krush, and no cargo to build it" "name another with --krush PATH"
    say "building krush"
    (cd "$root" && cargo build --release) >&2
}

# --- cores

# The first two cores that this shell may use, where there are two and taskset.
server_core=
client_core=
choose_cores() {
    [[ -z $url ]] && command -v taskset >/dev/null || return 0
    local cores
    cores=$(taskset -cp $$ 2>/dev/null | sed 's/.*: //') || return 0
    read -r server_core client_core < <(
        awk -v list="$cores" 'BEGIN {
            n = split(list, ranges, ",")
            for (i = 1; i <= n; i++) {
                ends = split(ranges[i], range, "-")
                last = ends > 1 ? range[2] : range[1]
                for (core = range[1]; core <= last && found < 2; core++) { printf "%s ", core; found++ }
            }
            print ""
        }'
    ) || true
    [[ -n $client_core ]] || server_core=
}

pinned() { # core, command...
    local core=$1
    shift
    if [[ -n $core ]]; then exec taskset -c "$core" "$@"; else exec "$@"; fi
}

# --- workloads

# Records a request, letters of payload in each, connections.
shape_of() {
    case $1 in
    W1) echo "1 80 64" ;;
    W2) echo "1000 110 50" ;;
    W2c500) echo "1000 110 500" ;;
    W3) echo "10 87384 50" ;;
    esac
}

# Digits that make an id as long as krush's are in a batch of so many.
id_digits() {
    if (($1 == 1)); then echo 11; elif (($1 <= 62)); then echo 12; else echo 13; fi
}

# The records of the others are as long as krush's, and have the same fields.
make_body() { # records, letters, file
    [[ -e $3 ]] || awk -v records="$1" -v letters="$2" -v digits="$(id_digits "$1")" 'BEGIN {
        srand(7)
        abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        for (i = 0; i < 997; i++) block = block substr(abc, int(rand() * 62) + 1, 1)
        while (length(text) < letters) text = text block
        text = substr(text, 1, letters)
        printf "{\"records\":["
        for (i = 0; i < records; i++)
            printf "%s{\"value\":{\"id\":\"a%0" digits "d\",\"timestamp\":1790000000000,\"system\":\"krush\",\"payload\":\"%s\"}}", i ? "," : "", i, text
        printf "]}"
    }' >"$3"
}

make_scripts() { # records, letters, body
    cat >"$work/wrk.lua" <<LUA
local file = io.open("$3", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
wrk.headers["Content-Type"] = "$content_type"
LUA
    cat >"$work/wrk-fresh.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "$content_type"
local records, text, id, lines = $1, string.rep("A", $2), 0, {}
function request()
  local behind = '","timestamp":' .. os.time() .. '000,"system":"krush","payload":"' .. text .. '"}}'
  for i = 1, records do
    lines[i] = '{"value":{"id":"a' .. string.format("%0$(id_digits "$1")d", id) .. behind
    id = id + 1
  end
  return wrk.format(nil, nil, nil, '{"records":[' .. table.concat(lines, ",") .. "]}")
end
LUA
    cat >"$work/k6.js" <<JS
import http from "k6/http";
const body = open("$3");
const params = { headers: { "Content-Type": "$content_type", "Accept-Encoding": "identity" }, responseType: "none" };
export default function () { http.post(__ENV.TARGET, body, params); }
JS
}

# --- one run

# The tool's command line in `command`. Those that would ask for a compressed answer are told not to: the others do not ask,
# and the server would be busy compressing.
command=()
set_command() { # tool, base URL, records, letters, connections, body
    local target=$2/topics/$topic
    case $1 in
    krush)
        command=("$krush" basic --url "$2" --topic "$topic" --batch-size "$3" --message-size "$4" --concurrency "$5"
            --duration "${duration}s" --threads 1 --quiet --output "$work/krush.json")
        ;;
    wrk) command=(wrk -t1 "-c$5" "-d${duration}s" --timeout 30s -s "$work/wrk.lua" "$target") ;;
    wrk-fresh) command=(wrk -t1 "-c$5" "-d${duration}s" --timeout 30s -s "$work/wrk-fresh.lua" "$target") ;;
    oha)
        command=(oha --no-tui -z "${duration}s" -c "$5" -m POST -D "$6" -T "$content_type" -H "accept-encoding: identity"
            --output-format json "$target")
        ;;
    ab) command=(ab -q -k -c "$5" -t "$duration" -n 5000000 -s 30 -p "$6" -T "$content_type" "$target") ;;
    h2load) command=(h2load --h1 -t1 "-c$5" -D "$duration" -d "$6" -H "content-type: $content_type" "$target") ;;
    hey) command=(hey -disable-compression -z "${duration}s" -c "$5" -t 30 -m POST -D "$6" -T "$content_type" "$target") ;;
    k6)
        command=(k6 run --quiet --vus "$5" --duration "${duration}s" --env "TARGET=$target"
            --summary-export "$work/k6.json" "$work/k6.js")
        ;;
    vegeta)
        printf 'POST %s\nContent-Type: %s\nAccept-Encoding: identity\n@%s\n' "$target" "$content_type" "$6" >"$work/targets"
        command=(vegeta attack -rate=0 -workers="$5" -max-workers="$5" -connections="$5" -timeout=30s
            -duration="${duration}s" -targets="$work/targets" -output="$work/vegeta.bin")
        ;;
    esac
}

first_number() { # sed expression with \1, file
    sed -nE "s/$1/\\1/p" "$2" 2>/dev/null | head -n 1
}

# Requests that were answered well, as the tool itself says, for a server that is not ours.
requests_said() { # tool
    local out=$work/out all odd=0
    case $1 in
    krush) all=$(tr -d ' \n' <"$work/krush.json" | sed -nE 's/.*"ledger":\{"requests":\{"scheduled"[^}]*"complete":([0-9]+).*/\1/p') ;;
    wrk | wrk-fresh)
        all=$(first_number '^ *([0-9]+) requests in .*' "$out")
        odd=$(first_number '.*Non-2xx or 3xx responses: ([0-9]+).*' "$out")
        ;;
    oha) all=$(tr -d ' \n' <"$out" | sed -nE 's/.*"statusCodeDistribution":\{[^}]*"200":([0-9]+).*/\1/p') ;;
    ab)
        all=$(first_number '^Complete requests: +([0-9]+).*' "$out")
        odd=$(first_number '^Non-2xx responses: +([0-9]+).*' "$out")
        ;;
    h2load) all=$(first_number '^status codes: ([0-9]+) 2xx.*' "$out") ;;
    hey) all=$(first_number '^ *\[200\][[:space:]]+([0-9]+) responses.*' "$out") ;;
    k6)
        all=$(tr -d ' \n' <"$work/k6.json" | sed -nE 's/.*"http_reqs":\{[^}]*"count":([0-9]+).*/\1/p')
        odd=$(tr -d ' \n' <"$work/k6.json" | sed -nE 's/.*"http_req_failed":\{[^}]*"passes":([0-9]+).*/\1/p')
        ;;
    vegeta) all=$(vegeta report -type=json "$work/vegeta.bin" | sed -nE 's/.*"200":([0-9]+).*/\1/p') ;;
    esac
    echo $((${all:-0} - ${odd:-0}))
}

start_server() {
    [[ -z $url ]] || {
        base=$url
        return
    }
    # Under load it would send answers whole, which is easier on a client than a real proxy is.
    local manner=(--writes recorded)
    [[ $answers == chunked ]] || manner=(--fault framing=length)
    : >"$work/server"
    # A new one for each run, so that all find it in the same state; its last line says what it stored.
    pinned "$server_core" "$krush" serve --port 0 --threads 1 --topic "$topic" \
        "${manner[@]}" >"$work/server" 2>&1 &
    server=$!
    local until=$((SECONDS + ready_secs))
    until grep -q '^http' "$work/server"; do
        kill -0 "$server" 2>/dev/null || die "krush serve ended: $(cat "$work/server")"
        ((SECONDS < until)) || die "krush serve did not start within $ready_secs s"
        sleep 0.05
    done
    base=$(sed -n 's/^\(http[^ ]*\) .*/\1/p' "$work/server")
}

# Ends the server and prints the records that it stored.
stop_server() {
    kill -TERM "$server"
    wait "$server" || true
    server=
    stored=$(tail -n 1 "$work/server" | tr -d , | sed -nE 's/.* ([0-9]+) records? stored.*/\1/p')
}

# User and system seconds of all children that this shell has waited for.
children_secs() {
    times >"$work/times"
    sed -nE '2s/([0-9]+)m([0-9.]+)s ([0-9]+)m([0-9.]+)s/\1 \2 \3 \4/p' "$work/times" |
        awk '{ printf "%.3f %.3f\n", $1 * 60 + $2, $3 * 60 + $4 }'
}

run_one() { # workload, repeat, place in the repeat, tool
    local records letters connections body status=0 requests=0 base stored
    read -r records letters connections <<<"$(shape_of "$1")"
    body=$work/body-$records-$letters.json
    make_body "$records" "$letters" "$body"
    make_scripts "$records" "$letters" "$body"
    rm -f "$work/krush.json" "$work/k6.json" "$work/vegeta.bin"
    start_server
    set_command "$4" "$base" "$records" "$letters" "$connections" "$body"
    children_secs >"$work/before"
    pinned "$client_core" "${command[@]}" </dev/null >"$work/out" 2>&1 &
    client=$!
    wait "$client" || status=$?
    client=
    children_secs >"$work/after"
    if [[ -n $server ]]; then
        stop_server
        requests=$((${stored:-0} / records))
    else
        requests=$(requests_said "$4")
    fi
    # krush driven to the limit of a core says that it was the bottleneck (13): that is what is wanted here.
    if [[ $status -ne 0 && ! ($4 == krush && $status -eq 13) ]] || ((requests == 0)); then
        say "$1 repeat $2: $4 failed (exit code $status, $requests requests); the end of what it said:"
        tail -n 5 "$work/out" >&2
        requests=0
    fi
    paste -d ' ' "$work/before" "$work/after" |
        awk -v head="$1,$2,$3,$4" -v requests="$requests" -v secs="$duration" -v status="$status" '{
            user = $3 - $1; sys = $4 - $2
            each = requests > 0 ? sprintf("%.3f", (user + sys) * 1e6 / requests) : ""
            printf "%s,%d,%.0f,%.3f,%.3f,%s,%d\n", head, requests, requests / secs, user, sys, each, status
        }' | tee -a "$work/runs" |
        awk -F, '{ printf "%-7s repeat %d  %-10s %9d requests  %8d/s  %9.2f us client CPU a request\n", $1, $2, $4, $5, $6, $9 }' >&2
}

# Whether a server that is not ours takes a record at all. krush says what is wrong if not, and creates the topic if it can.
try_target() {
    "$krush" basic --url "$url" --topic "$topic" --messages 1 --batch-size 1 --concurrency 1 --fail-on 'success < 100%' \
        --quiet --output "$work/krush.json" >"$work/out" 2>&1 && return 0
    cat "$work/out" >&2
    die "$url did not take a record for topic $topic"
}

# --- the result

show() {
    awk -F, -v tools="${tools[*]}" -v workloads="${workloads[*]}" -v repeats="$repeats" \
        -v fresh="$(for each in "${tools[@]}"; do printf '%s ' "$(is_fresh "$each")"; done)" '
        function median(values, n,    i, j, held) {
            for (i = 2; i <= n; i++) {
                held = values[i]
                for (j = i - 1; j > 0 && values[j] > held; j--) values[j + 1] = values[j]
                values[j + 1] = held
            }
            return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
        }
        $5 > 0 { rate[$1, $4, $2] = $6; cpu[$1, $4, $2] = $9 }
        END {
            count = split(tools, tool, " "); split(fresh, is_fresh, " ")
            loads = split(workloads, load, " ")
            for (w = 1; w <= loads; w++) {
                printf "\n%-8s %12s %22s %14s  %s\n", load[w], "requests/s", "client CPU us/request", "ratio to wrk", "fresh records?"
                for (t = 1; t <= count; t++) {
                    n = m = 0
                    for (r = 1; r <= repeats; r++) {
                        key = load[w] SUBSEP tool[t] SUBSEP r; base = load[w] SUBSEP "wrk" SUBSEP r
                        if (!(key in cpu)) continue
                        rates[++n] = rate[key]; cpus[n] = cpu[key]
                        if (base in cpu) ratios[++m] = cpu[key] / cpu[base]
                    }
                    if (!n) { printf "%-10s %10s\n", tool[t], "failed"; continue }
                    ratio = m ? sprintf("%.2f", median(ratios, m)) : "-"
                    printf "%-10s %10d %22.2f %14s  %s%s\n", tool[t], median(rates, n), median(cpus, n), ratio, is_fresh[t], \
                        n < repeats ? sprintf("  (%d of %d runs)", n, repeats) : ""
                }
            }
        }' "$work/runs"
    cat <<'NOTE'

Medians; ratios are taken pair by pair within a repeat. Compare ratios of one table only: less than 5 % apart (W1, W3) or 10 %
(W2) is a tie. Where the server's core is full, the rates of all tools are the server's, and only client CPU tells them apart.
krush calls such a run void, "the generator was the bottleneck", when it fills its core: that is expected here.
NOTE
    if [[ -z $url ]] && one_of ab "${tools[@]}"; then
        echo "ab speaks HTTP/1.0: krush serve, as a Confluent REST Proxy, ends its connection after each answer."
    fi
}

parse "$@"
# Settings of krush that the caller's shell has would change one tool only.
for name in "${!KRUSH_@}"; do unset "$name"; done
need_krush
choose_tools
choose_cores
work=$(mktemp -d)
: >"$work/runs"

if [[ -n $url ]]; then
    try_target
    say "target: $url, topic $topic; requests as counted by each tool; nothing is pinned"
else
    say "target: krush serve --threads 1, answers ${answers}; requests as counted by it$(
        [[ -z $client_core ]] || echo "; server on core $server_core, client on core $client_core"
    )"
    [[ -n $client_core ]] || say "nothing is pinned: needs taskset and two cores. Server and client disturb each other"
    control=$(cat /proc/sys/net/ipv4/tcp_congestion_control 2>/dev/null || true)
    [[ -z $control || $control == cubic ]] ||
        say "TCP congestion control is $control: loopback is faster and steadier with cubic (net.ipv4.tcp_congestion_control)"
fi
if [[ -n $save ]]; then
    echo "workload,repeat,place,tool,requests,requests_per_sec,user_secs,sys_secs,cpu_us_per_request,exit_code" >"$save"
fi

for ((repeat = 1; repeat <= repeats; repeat++)); do
    for workload in "${workloads[@]}"; do
        for ((place = 0; place < ${#tools[@]}; place++)); do
            # Another one begins in each repeat.
            run_one "$workload" "$repeat" "$((place + 1))" "${tools[(place + repeat - 1) % ${#tools[@]}]}"
            [[ -z $save ]] || tail -n 1 "$work/runs" >>"$save"
        done
    done
done
show
