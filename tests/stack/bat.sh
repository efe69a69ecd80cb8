#!/usr/bin/env bash
# kafka-test.bat, without Windows: read by blinter, and run by Wine's cmd against a docker.exe, krush.exe and curl.exe
# that only play their parts. One line a check; the last line is the count; exit code 1 if any failed.
#
#   tests/stack/bat.sh             all of it
#   tests/stack/bat.sh 'time-out'  only the parts with that in their name
#
# Wine's cmd forgives what the one of Windows does not (an open parenthesis, a missing label): blinter and the checks of
# the text find those. And it takes a lone % out of %*, and ^ out of quotes, which the one of Windows leaves alone: those
# two cannot be checked here. Writes only below target/stack/. Installs what is missing where apt-get may: wine, mingw.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
only=${1:-}
lint=$root/target/stack/lint
blinter_version=1.1.49
# In a folder whose name has a space and parentheses, as many have on Windows.
work="$root/target/stack/bat"
home="$work/krush (copy) 1"
export FAKE=$work/fake
export WINEPREFIX=$root/target/stack/wine WINEDEBUG=-all WINEDLLOVERRIDES='mscoree,mshtml=' DISPLAY=

passed=0
failed=0

check() { # NAME COMMAND..: one check
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        printf 'ok      %s\n' "$name"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n' "$name"
        [[ ! -s $work/out.txt ]] || sed 's/^/        stdout: /' "$work/out.txt" | tail -n 25
        [[ ! -s $work/err.txt ]] || sed 's/^/        stderr: /' "$work/err.txt" | tail -n 25
        [[ ! -s $FAKE/calls ]] || sed 's/^/        called: /' "$FAKE/calls" | tail -n 12
    fi
}

wanted() { [[ -z $only || $1 == *"$only"* ]]; }

may_install() { command -v apt-get >/dev/null && { ((EUID == 0)) || sudo -n true 2>/dev/null; }; }

install() {
    local root_do=()
    ((EUID == 0)) || root_do=(sudo)
    "${root_do[@]}" apt-get update -qq &&
        "${root_do[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# ---- The text.

no_bare_line_feed() { ! LC_ALL=C grep -qvP '\r$' kafka-test.bat; }
ascii_only() { ! LC_ALL=C grep -qP '[^\x00-\x7f]' kafka-test.bat; }
attribute_says_crlf() { [[ $(git -c safe.directory='*' check-attr eol kafka-test.bat) == *': crlf' ]]; }

labels_exist() {
    local label missing=0
    while IFS= read -r label; do
        grep -qiE "^:$label"$'\r$' kafka-test.bat || {
            printf '        no label %s\n' "$label"
            missing=1
        }
    done < <(grep -viE '^rem' kafka-test.bat | grep -oiE '(goto |call :)[a-z_0-9]+' | sed -E 's/^(goto |call :)//I' | sort -u)
    return "$missing"
}

labels_used_once() {
    local label bad=0
    while IFS= read -r label; do
        (($(grep -cE "^$label"$'\r$' kafka-test.bat) == 1)) || bad=1
        grep -qE "(goto |call )$label([^a-z_0-9]|\$)|goto ${label#:}([^a-z_0-9]|\$)" kafka-test.bat || {
            printf '        label %s is not used, or twice there\n' "$label"
            bad=1
        }
    done < <(grep -oE '^:[a-z_0-9]+' kafka-test.bat)
    return "$bad"
}

# The stages of the batch file have every service once, after those that docker-compose.yml makes it depend on.
stages_follow_compose() {
    python3 - <<'PYTHON'
import re, sys

compose = open("docker-compose.yml").read()
needs, profile, service, inside, anchors = {}, {}, None, None, {}
for line in compose[compose.index("\nservices:"):].split("\nvolumes:\n  kafka-data")[0].splitlines():
    found = re.match(r"  ([a-z0-9-]+):( &\S+)?$", line)
    if found:
        service, inside = found[1], None
        needs[service], profile[service] = set(), ""
        continue
    if service is None:
        continue
    found = re.match(r"    <<: \*(cluster-broker|cluster-rest|test)$", line)
    if found:
        source = {"cluster-broker": "broker-1", "cluster-rest": "rest-1", "test": "test-basic"}[found[1]]
        needs[service], profile[service] = set(needs[source]), profile[source]
    found = re.match(r'    profiles: \["(\w+)"\]', line)
    if found:
        profile[service] = found[1]
    found = re.match(r"    depends_on:(?: ([&*])(\S+))?$", line)
    if found:
        inside = (found[1], found[2])
        if found[1] == "*":
            needs[service] = set(anchors[found[2]])
        elif found[1] == "&":
            anchors[found[2]] = needs[service]
    elif re.match(r"    \S", line):
        inside = None
    elif inside and re.match(r"      [a-z0-9-]+:$", line):
        needs[service].add(line.strip()[:-1])
stages = re.findall(r'set "kt_stage_\d=([^"%]+)"', open("kafka-test.bat").read())
good = len(stages) == 6
for kind, own in (("", stages[:3]), ("cluster", stages[3:])):
    before = set()
    for stage in own:
        for name in stage.split():
            if not needs[name] <= before:
                good = False
                print(f"        {name} needs {needs[name] - before} first")
        before |= set(stage.split())
    if before != {name for name in needs if profile[name] == kind}:
        good = False
        print("        stages have", sorted(before), "and docker-compose.yml", sorted(n for n in needs if profile[n] == kind))
sys.exit(0 if good else 1)
PYTHON
}

blinter_is_content() {
    local report=$lint/blinter.txt
    "$lint/bin/blinter" kafka-test.bat --config tests/stack/blinter.ini --fail-on style >"$report" 2>&1 && return
    grep -E '^(Line|.*: [0-9]+)' "$report" | cut -c 1-160
    return 1
}

get_blinter() { { python3 -m venv "$lint" && "$lint/bin/pip" install -q "blinter==$blinter_version"; } >/dev/null 2>&1; }
have_blinter() {
    [[ $("$lint/bin/blinter" --version 2>/dev/null) == *"$blinter_version"* ]] || get_blinter ||
        { may_install && install python3-venv && get_blinter; }
}

if wanted 'the text'; then
    check 'the text: every line ends with CR LF' no_bare_line_feed
    check 'the text: ASCII only' ascii_only
    check 'the text: .gitattributes gives it CR LF' attribute_says_crlf
    check 'the text: every label that is gone to or called exists' labels_exist
    check 'the text: every label is there once, and used' labels_used_once
    check 'the text: the stages of start are those of docker-compose.yml' stages_follow_compose
    if have_blinter; then
        check 'the text: blinter finds nothing' blinter_is_content
    else
        printf 'SKIPPED: blinter %s cannot be installed here, so nothing has looked for errors that Wine forgives\n' "$blinter_version"
    fi
fi

finish() {
    printf '%s passed, %s failed\n' "$passed" "$failed"
    ((failed == 0))
}

# ---- A run by Wine.

if ! command -v wine >/dev/null && may_install; then install wine wine64 || :; fi
if ! command -v wine >/dev/null; then
    printf 'SKIPPED: there is no wine, and it cannot be installed here: kafka-test.bat was not run\n'
    finish
    exit
fi
compiler=$(command -v x86_64-w64-mingw32-gcc || command -v x86_64-w64-mingw32-gcc-win32 || :)
if [[ -z $compiler ]] && may_install; then
    install gcc-mingw-w64-x86-64-win32 || :
    compiler=$(command -v x86_64-w64-mingw32-gcc || command -v x86_64-w64-mingw32-gcc-win32 || :)
fi

rm -rf "$work"
mkdir -p "$FAKE" "$work/bin" "$work/empty" "$home/docker" "$work/elsewhere" "$lint"
cp kafka-test.bat docker-compose.yml "$home/"
cp -r docker/profiles "$home/docker/"
trap 'wineserver -k 2>/dev/null || :' EXIT
if [[ ! -e $WINEPREFIX/system.reg ]]; then
    mkdir -p "$WINEPREFIX"
    wineboot -i >/dev/null 2>&1 || :
fi

# docker.exe, krush.exe, curl.exe and netstat.exe: write down what they were called with, each argument in brackets, and
# do what the first matching line of $FAKE/rules says: NAME|WORDS IN THE ARGUMENTS|EXIT CODE|FILE TO PRINT. Of FILE.1,
# FILE.2, .. each call prints the next, and the last one again and again. krush --output FILE copies $FAKE/report there.
cat >"$work/fake.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char home[1000];

static FILE *open_in_home(const char *name, const char *mode) {
    char path[2000];
    snprintf(path, sizeof path, "%s/%s", home, name);
    return fopen(path, mode);
}

static int copy(FILE *from, FILE *to) {
    int c;
    if (!from || !to) return 0;
    while ((c = getc(from)) != EOF)
        if (c != '\r') putc(c, to);
    fclose(from);
    return 1;
}

int main(int argc, char **argv) {
    char joined[20000] = "", line[4000], name[100], file[300];
    const char *base = argv[0];
    for (const char *p = argv[0]; *p; p++)
        if (*p == '/' || *p == '\\') base = p + 1;
    snprintf(name, sizeof name, "%s", base);
    for (char *p = name; *p; p++)
        if (*p == '.') *p = 0;
    snprintf(home, sizeof home, "%s", getenv("FAKE"));
    FILE *calls = open_in_home("calls", "a");
    fprintf(calls, "%s", name);
    for (int i = 1; i < argc; i++) {
        fprintf(calls, " [%s]", argv[i]);
        strcat(joined, " ");
        strcat(joined, argv[i]);
    }
    const char *shown[] = {"KRUSH_URL", "KRUSH_DURATION", "STACK_REST_PORT", "KAFKA_REST_PRODUCER_LINGER_MS"};
    for (int i = 0; i < 4; i++)
        if (getenv(shown[i])) fprintf(calls, " %s=%s", shown[i], getenv(shown[i]));
    fprintf(calls, "\n");
    fclose(calls);
    if (!strcmp(name, "krush"))
        for (int i = 1; i + 1 < argc; i++)
            if (!strcmp(argv[i], "--output")) {
                FILE *to = fopen(argv[i + 1], "w");
                if (copy(open_in_home("report", "r"), to)) fclose(to);
            }
    FILE *rules = open_in_home("rules", "r");
    while (rules && fgets(line, sizeof line, rules)) {
        char *who = strtok(line, "|\n"), *words = strtok(NULL, "|\n"), *code = strtok(NULL, "|\n"), *out = strtok(NULL, "|\n");
        if (!who || !words || !code || strcmp(who, name) || !strstr(joined, words)) continue;
        if (out) {
            int n = 0;
            snprintf(file, sizeof file, "%s.count", out);
            FILE *count = open_in_home(file, "r");
            if (count) {
                if (fscanf(count, "%d", &n) != 1) n = 0;
                fclose(count);
            }
            FILE *text = NULL;
            for (int try = n + 1; try > 0 && !text; try--) {
                snprintf(file, sizeof file, "%s.%d", out, try);
                text = open_in_home(file, "r");
            }
            if (!text) text = open_in_home(out, "r");
            snprintf(file, sizeof file, "%s.count", out);
            count = open_in_home(file, "w");
            fprintf(count, "%d", n + 1);
            fclose(count);
            copy(text, stdout);
        }
        return atoi(code);
    }
    return 0;
}
C

if [[ -z $compiler ]] || ! "$compiler" -Os -s -o "$work/docker.exe" "$work/fake.c"; then
    printf 'SKIPPED: no mingw compiler, and it cannot be installed here: nothing was run that needs docker.exe or krush.exe\n'
    rm -f "$work/docker.exe"
fi

# batch "PATH OF PROGRAMS" 'WORDS AS TYPED': runs kafka-test.bat; sets code, and leaves out.txt and err.txt. Extra lines
# before it, such as `set "KRUSH=.."`, are taken from $before. Standard input is $answer.
before=''
answer=''
batch() {
    local path=$1
    rm -f "$FAKE/calls" "$FAKE"/*.count
    {
        printf '@echo off\r\n'
        printf '%s' "$before"
        # Without CALL: cmd does not come back here, so its exit code is that of kafka-test.bat.
        printf '"Z:%s\\kafka-test.bat" %s\r\n' "${home//\//\\}" "$2"
    } >"$work/elsewhere/typed.bat"
    code=0
    (cd "$work/elsewhere" && printf '%s' "$answer" |
        WINEPATH="Z:${path//\//\\}" timeout 120 wine cmd /d /c typed.bat) >"$work/out.txt" 2>"$work/err.txt" || code=$?
    sed -i 's/\r$//' "$work/out.txt" "$work/err.txt"
    sed -i '/^it looks like wine32 is missing/,/^execute "dpkg/d' "$work/err.txt"
    [[ ! -e $FAKE/calls ]] || sed -i 's/\r$//' "$FAKE/calls"
}

code_is() { ((code == $1)) || { printf '        exit code %s instead of %s\n' "$code" "$1" && return 1; }; }
stdout_has() { grep -qF -- "$1" "$work/out.txt"; }
stderr_has() { grep -qF -- "$1" "$work/err.txt"; }
stderr_lacks() { ! stderr_has "$1"; }
one_line_on_stderr() { (($(grep -c . "$work/err.txt") == 1)) && [[ ! -s $work/out.txt ]]; }
called() { grep -qF -- "$1" "$FAKE/calls"; }
called_exactly() { grep -qxF -- "$1" "$FAKE/calls"; }
not_called() { ! called "$1"; }
# in_order FILE TEXT..: each in a later line than the one before.
in_order() {
    local file=$1 at=0 line
    shift
    for text in "$@"; do
        line=$(awk -v at="$at" -v text="$text" 'NR > at && index($0, text) { print NR; exit }' "$file")
        [[ -n $line ]] || { printf '        not after line %s: %s\n' "$at" "$text" && return 1; }
        at=$line
    done
}

shell_commands() { awk '/^STACK OPTIONS/ { exit } /^  (\.\/kafka-test\.sh )?[a-z][a-z0-9-]+ / { print $1 == "./kafka-test.sh" ? $2 : $1 }' <(bash ./kafka-test.sh help) | sort -u; }
help_lists_what_the_shell_script_lists() {
    local command missing=0 commands
    commands=$(shell_commands)
    (($(printf '%s\n' "$commands" | wc -l) >= 14)) || return 1
    for command in $commands; do
        grep -qE "^  (kafka-test )?$command( |\$)" "$work/out.txt" || {
            printf '        help does not list %s\n' "$command"
            missing=1
        }
    done
    return "$missing"
}

if wanted 'without docker'; then
    none=$work/empty
    batch "$none" help
    check 'without docker: help is exit code 0' code_is 0
    if [[ -e kafka-test.sh ]]; then
        check 'without docker: help lists every command of kafka-test.sh' help_lists_what_the_shell_script_lists
    else
        printf 'SKIPPED: no kafka-test.sh here to compare the help with\n'
    fi
    batch "$none" ''
    check 'without docker: no argument is help' stdout_has 'quick-start'
    check 'without docker: no argument is exit code 0' code_is 0
    batch "$none" 'nonsense "a & b"'
    check 'without docker: an unknown command is exit code 2' code_is 2
    check 'without docker: an unknown command is one line' one_line_on_stderr
    check 'without docker: an unknown command is named' stderr_has 'nonsense'
    batch "$none" start
    check 'without docker: start is exit code 2' code_is 2
    check 'without docker: start says it in one line' one_line_on_stderr
    check 'without docker: start says what is missing' stderr_has 'docker is missing'
    batch "$none" 'start --local'
    check 'without docker: --local is exit code 2' code_is 2
    check 'without docker: --local is one line' one_line_on_stderr
    check 'without docker: --local points to WSL' stderr_has 'WSL'
    for words in 'start --profile nonsense' 'start --profile=..\durable' 'start --profile=..'; do
        batch "$none" "$words"
        check "without docker: $words is exit code 2" code_is 2
        check "without docker: $words is one line" one_line_on_stderr
        check "without docker: $words lists the profiles" stderr_has 'durable low-latency poc throughput'
    done
    batch "$none" 'start --wait'
    check 'without docker: --wait without a value is exit code 2' code_is 2
    batch "$none" 'start --wait 1x'
    check 'without docker: --wait 1x is exit code 2' code_is 2
    check 'without docker: --wait 1x is one line' one_line_on_stderr
    batch "$none" 'start --nonsense 1'
    check 'without docker: an unknown option is exit code 2' code_is 2
    check 'without docker: an unknown option is one line' one_line_on_stderr
    check 'without docker: an unknown option is named' stderr_has '"--nonsense"'
    batch "$none" 'stop --nonsense'
    check 'without docker: an option of stop is exit code 2' code_is 2
    for words in stop 'clean --yes'; do
        batch "$none" "$words"
        check "without docker: $words with nothing started is exit code 0" code_is 0
    done
    for words in status topics monitor; do
        batch "$none" "$words"
        check "without docker: $words with nothing started is exit code 15" code_is 15
        check "without docker: $words with nothing started is one line" one_line_on_stderr
    done
    for words in restart logs; do
        batch "$none" "$words"
        check "without docker: $words with nothing started is exit code 2" code_is 2
    done
    batch "$none" 'test-basic'
    check 'without docker: test-basic without any krush is exit code 2' code_is 2
    check 'without docker: test-basic without any krush says so' stderr_has 'no krush'
    printf 'STACK_REST_PORT=80a\n' >"$home/.env"
    batch "$none" start
    check 'without docker: a port that is no number is exit code 2' code_is 2
    check 'without docker: a port that is no number is one line' one_line_on_stderr
    rm -f "$home/.env"
fi

if [[ ! -e $work/docker.exe ]]; then
    finish
    exit
fi
for name in docker curl netstat; do cp "$work/docker.exe" "$work/bin/$name.exe"; done
cp "$work/docker.exe" "$work/krush.exe"
krush="set \"KRUSH=Z:${work//\//\\}\\krush.exe\""$'\r\n'

# state FILE SERVICE:STATUS:HEALTH:EXIT ..: what `docker inspect` says, a line a service.
state() {
    local file=$1 row service status health exit_code
    shift
    for row in "$@"; do
        IFS=: read -r service status health exit_code <<<"$row"
        printf '%s %s %s %s id-of-%s image/of-%s:1\n' "$service" "$status" "$health" "$exit_code" "$service" "$service"
    done >"$FAKE/$file"
}
printf '%s\n' 0123456789ab 123456789abc >"$FAKE/ids"
usual='docker| ps -a -q|0|ids
docker|inspect --format|0|health'
clean_slate() {
    rm -rf "$home/.stack" "$home/.env" "$home/results"
    rm -f "$FAKE"/health* "$FAKE/rules" "$FAKE/report"
    before=''
    answer=''
}
started() {
    mkdir -p "$home/.stack"
    printf 'mode=docker\r\nprofile=%s\r\ncluster=%s\r\n' "${1:-throughput}" "${2:-0}" >"$home/.stack/state"
}

if wanted 'start'; then
    clean_slate
    printf '%s\n' "$usual" >"$FAKE/rules"
    state health.1 init:exited:-:0
    state health.2 broker:running:starting:0
    state health.3 broker:running:healthy:0
    state health.4 broker:running:healthy:0 init:running:-:0 schema-registry:running:starting:0 kafka-ui:running:starting:0
    state health.5 broker:running:healthy:0 init:exited:-:0 schema-registry:running:healthy:0 kafka-ui:running:healthy:0
    state health.6 broker:running:healthy:0 init:exited:-:0 schema-registry:running:healthy:0 kafka-ui:running:healthy:0 rest-proxy:running:healthy:0
    batch "$work/bin" 'start --profile low-latency --wait=60'
    check 'start: exit code 0' code_is 0
    check 'start: shows each change' in_order "$work/err.txt" 'broker           starting (' 'broker           healthy (' \
        'schema-registry  starting (' 'kafka-ui         healthy (' 'rest-proxy       healthy (' 'ready: REST Proxy in Docker, at http://127.0.0.1:8082'
    check 'start: starts a stage when the one before is healthy' in_order "$FAKE/calls" '[up] [--no-start]' \
        '[up] [-d] [--no-deps] [broker] ' '[up] [-d] [--no-deps] [init] [schema-registry] [kafka-ui] ' \
        '[up] [-d] [--no-deps] [rest-proxy] '
    check 'start: the profile reaches Compose' called 'KAFKA_REST_PRODUCER_LINGER_MS=0'
    # shellcheck disable=SC2016
    check 'start: asks for health in one quoted argument' called \
        '[{{index .Config.Labels `com.docker.compose.service`}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.State.ExitCode}} {{.ID}} {{.Config.Image}}]'
    check 'start: notes what was started' grep -q '^profile=low-latency' "$home/.stack/state"
    cp "$FAKE/health.6" "$FAKE/health"
    rm "$FAKE"/health.*
    batch "$work/bin" status
    check 'start: status is exit code 0 then' code_is 0
    check 'start: status lists the services' stdout_has 'rest-proxy       healthy    image/of-rest-proxy:1'
    check 'start: status says the profile' stdout_has 'profile low-latency'

    printf 'STACK_REST_PORT=18082\nKAFKA_REST_PRODUCER_LINGER_MS="7"\nSTACK_PROFILE=durable\n' >"$home/.env"
    before=$'set "STACK_BROKER_PORT=19092"\r\n'
    state health broker:running:healthy:0 init:exited:-:0 schema-registry:running:healthy:0 kafka-ui:running:healthy:0 rest-proxy:running:healthy:0
    batch "$work/bin" start
    check 'start: .env comes before the profile' called 'STACK_REST_PORT=18082 KAFKA_REST_PRODUCER_LINGER_MS=7'
    check 'start: .env chooses the profile' stderr_has 'profile durable'
    check 'start: the environment comes before .env' stderr_has 'Kafka at localhost:19092'
    before=$'set "STACK_REST_PORT=28082"\r\n'
    batch "$work/bin" start
    check 'start: the environment comes before .env for what .env says too' stderr_has 'at http://127.0.0.1:28082'

    clean_slate
    printf '%s\n' "$usual" >"$FAKE/rules"
    state health broker-1:running:healthy:0 broker-2:running:healthy:0 broker-3:running:healthy:0 \
        init-cluster:exited:-:0 rest-1:running:healthy:0 rest-2:running:healthy:0 haproxy:running:healthy:0
    batch "$work/bin" 'start --cluster'
    check 'start: --cluster is exit code 0' code_is 0
    check 'start: --cluster ends with HAProxy' in_order "$FAKE/calls" '[--no-deps] [broker-1] [broker-2] [broker-3]' \
        '[--no-deps] [init-cluster] [rest-1] [rest-2]' '[--no-deps] [haproxy]'
    check 'start: --cluster has its own port' stderr_has 'at http://127.0.0.1:8092'
    before=$krush
    batch "$work/bin" test-basic
    check 'start: tests go to the cluster then' called 'KRUSH_URL=http://127.0.0.1:8092'
    before=''
    batch "$work/bin" restart
    check 'start: restart keeps it a cluster' in_order "$FAKE/calls" '[stop]' '[--no-deps] [haproxy]'
    batch "$work/bin" start
    check 'start: a start without --cluster is none' called '[--no-deps] [broker] '
fi

if wanted 'time-out'; then
    clean_slate
    printf 'docker|logs --tail|0|lines\n%s\n' "$usual" >"$FAKE/rules"
    printf 'first line of its log\nsecond line of its log\n' >"$FAKE/lines"
    state health broker:running:starting:0
    batch "$work/bin" 'start --wait 2'
    check 'time-out: exit code 15' code_is 15
    check 'time-out: the last lines of the log, then why' in_order "$work/err.txt" 'the last lines of broker:' \
        'second line of its log' 'kafka-test.bat: broker was not healthy within 2 s'
    check 'time-out: the log of the one that failed' called '[logs] [--tail] [30] [id-of-broker]'
    state health broker:running:healthy:0 init:exited:-:1 schema-registry:running:starting:0 kafka-ui:running:starting:0
    batch "$work/bin" start
    check 'time-out: a service that failed is exit code 15 at once' code_is 15
    check 'time-out: a service that failed is named' stderr_has 'init could not be started'
    check 'time-out: a service that failed shows its log' called '[logs] [--tail] [30] [id-of-init]'
    printf 'docker|up -d|18|\n%s\n' "$usual" >"$FAKE/rules"
    state health other:running:healthy:0
    batch "$work/bin" start
    check 'time-out: an up that fails is exit code 15' code_is 15
    printf 'docker|up --no-start|18|\n%s\n' "$usual" >"$FAKE/rules"
    batch "$work/bin" start
    check 'time-out: images that cannot be pulled are exit code 15' code_is 15
    check 'time-out: images that cannot be pulled start nothing' not_called '[-d]'
fi

if wanted 'engine'; then
    clean_slate
    printf 'docker|info|1|\n' >"$FAKE/rules"
    batch "$work/bin" start
    check 'engine: none that answers is exit code 2' code_is 2
    check 'engine: none that answers is one line' one_line_on_stderr
    printf 'docker|compose version|1|\n%s\n' "$usual" >"$FAKE/rules"
    batch "$work/bin" start
    check 'engine: no Compose is exit code 2' code_is 2
    check 'engine: no Compose is one line' one_line_on_stderr
    cp "$work/docker.exe" "$work/bin/docker-compose.exe"
    state health broker:running:healthy:0 init:exited:-:0 schema-registry:running:healthy:0 kafka-ui:running:healthy:0 rest-proxy:running:healthy:0
    printf 'docker-compose| ps -a -q|0|ids\ndocker|compose version|1|\n%s\n' "$usual" >"$FAKE/rules"
    batch "$work/bin" start
    check 'engine: docker-compose is taken where the plugin is missing' called 'docker-compose [--profile] [testing] [--profile] [cluster] [up] [-d]'
    check 'engine: docker-compose starts it too' code_is 0
    rm -f "$work/bin/docker-compose.exe"
    clean_slate
    printf '%s\nnetstat|-an|0|ports\n' "$usual" >"$FAKE/rules"
    printf '  Proto  Local Address          Foreign Address        State\n  TCP    127.0.0.1:8081    0.0.0.0:0    ABH\xd6REN\n  TCP    127.0.0.1:9092    10.0.0.1:443    LISTENING\n' >"$FAKE/ports"
    : >"$FAKE/health"
    batch "$work/bin" start
    check 'engine: a port that is taken is exit code 2' code_is 2
    check 'engine: a port that is taken is one line' one_line_on_stderr
    check 'engine: a port that is taken is named' stderr_has 'port 8081 is taken, and schema-registry needs it'
    check 'engine: a port that is taken starts nothing' not_called '[up]'
    state health schema-registry:running:healthy:0 broker:running:healthy:0 init:exited:-:0 kafka-ui:running:healthy:0 rest-proxy:running:healthy:0
    batch "$work/bin" start
    check 'engine: a port of our own is not taken' code_is 0
fi

if wanted 'krush'; then
    clean_slate
    before=$krush
    printf 'krush|extreme|13|\n' >"$FAKE/rules"
    batch "$work/empty" 'test-extreme --rate=50k/s --fail-on "p99 > 1s" --fail-on "success<99" -H "X-A: b, c;d=e & f|g (h) !i!" "" --url http://127.0.0.1:1/?a=1'
    check 'krush: its exit code is passed on' code_is 13
    check 'krush: flags are passed on unchanged' called '[extreme] [--rate=50k/s] [--fail-on] [p99 > 1s] [--fail-on] [success<99] [-H] [X-A: b, c;d=e & f|g (h) !i!] [] [--url] [http://127.0.0.1:1/?a=1] '
    check 'krush: an address is named for it' called 'KRUSH_URL=http://127.0.0.1:8082'
    check 'krush: a missing stack is said' stderr_has 'no stack was started here'
    check 'krush: no stray file' test ! -e "$home/1s"
    check 'krush: no stray file where it was called' test ! -e "$work/elsewhere/1s"
    before+=$'set "KRUSH_URL=http://10.0.0.1:9"\r\n'
    batch "$work/empty" 'TEST-64kb'
    check 'krush: KRUSH_URL of the user stays' called_exactly 'krush [64kb] KRUSH_URL=http://10.0.0.1:9 STACK_REST_PORT=8082 KAFKA_REST_PRODUCER_LINGER_MS=5'
    check 'krush: exit code 0' code_is 0
    before=$'set "KRUSH=nowhere\\krush.exe"\r\n'
    batch "$work/empty" test-basic
    check 'krush: KRUSH that is no program is exit code 2' code_is 2
    before=''
    mkdir -p "$home/target/release"
    cp "$work/docker.exe" "$home/target/release/krush.exe"
    printf 'krush|basic|15|\n' >"$FAKE/rules"
    batch "$work/empty" test-basic
    check 'krush: the one that was built here is found' code_is 15
    rm -rf "$home/target"
    cp "$work/docker.exe" "$work/bin/krush.exe"
    batch "$work/bin" test-basic
    check 'krush: the one on PATH is found' code_is 15
    mv "$work/bin/krush.exe" "$work/bin/cargo.exe"
    printf 'cargo|basic|10|\n' >"$FAKE/rules"
    batch "$work/bin" 'test-basic --quiet'
    check 'krush: cargo is asked next' called '[run] [--quiet] [--release] [--locked] [--] [basic] [--quiet]'
    check 'krush: the exit code through cargo' code_is 10
    rm -f "$work/bin/cargo.exe"
    printf 'docker| run |10|\n%s\n' "$usual" >"$FAKE/rules"
    : >"$FAKE/health"
    before=$'set "KRUSH_SEED=7"\r\n'
    batch "$work/bin" 'test-optimized --fail-on "p99 > 1s"'
    check 'krush: the image is last' called '[run] [--rm] [-e] [KRUSH_SEED] [test-optimized] [--fail-on] [p99 > 1s]'
    check 'krush: the exit code through the image' code_is 10
    started throughput 1
    state health haproxy:running:healthy:0
    batch "$work/bin" test-basic
    check 'krush: the image in a cluster' called '[-e] [KRUSH_URL=http://haproxy:8082] [--no-deps] [test-basic]'
    clean_slate
    before=$'set "KRUSH='"Z:${work//\//\\}"$'\\wrapped.cmd"\r\n'
    printf '@echo wrapped %%*\r\n@exit /b 11\r\n' >"$work/wrapped.cmd"
    batch "$work/empty" 'test-all --topic t'
    # Its exit code, which Wine loses behind CALL, cannot be checked here.
    check 'krush: a wrapper that is a batch file comes back' stdout_has 'wrapped 64kb --topic t'
fi

if wanted 'test-all'; then
    clean_slate
    before=$krush
    printf 'krush|optimized|15|\nkrush|extreme|13|\nkrush|64kb|0|\n' >"$FAKE/rules"
    cat >"$FAKE/report" <<'JSON'
{
  "target": {
    "url": "http://127.0.0.1:8082",
    "server": "Confluent REST Proxy, v2 + v3",
    "own": {
      "ledger": {},
      "summary": {
        "records_per_sec": 1.0,
        "success_ratio": 0.5,
        "latency_us": {
          "p95": 1
        },
        "lower_bounds": []
      }
    }
  },
  "ledger": {
    "success_ratio": 0.1
  },
  "summary": {
    "records_per_sec": 1778834.9189,
    "success_ratio": 0.9999982,
    "latency_us": {
      "p50": 157,
      "p95": 2160449
    },
    "service_time_us": {
      "p95": 559
    },
    "lower_bounds": [
      "p95",
      "max"
    ]
  },
  "timeline": [
    {
      "p95": 639
    }
  ],
  "verdict": {
    "outcome": "pass",
    "headline": "PASS",
    "checks": []
  }
}
JSON
    batch "$work/empty" 'test-all --fail-on "p99 > 1s"'
    check 'test-all: the highest exit code' code_is 15
    check 'test-all: goes on after a failure' in_order "$FAKE/calls" '[basic] [--fail-on] [p99 > 1s]' '[optimized]' '[extreme]' '[64kb] [--fail-on] [p99 > 1s] [--output] [results/'
    check 'test-all: one table' in_order "$work/out.txt" 'server: Confluent REST Proxy, v2 + v3' 'TEST ' \
        'basic         0       1,778,834   2160.4 ms+' 'optimized    15' 'extreme      13' '64kb          0'
    check 'test-all: the share that was stored is cut, not rounded' stdout_has ' 99.99 '
    printf 'krush|basic|10|\nkrush|64kb|2|\n' >"$FAKE/rules"
    rm -f "$FAKE/report"
    batch "$work/empty" test-all
    check 'test-all: the highest code may be the first' code_is 10
    check 'test-all: a test without a report' stdout_has 'no report'
    printf 'krush|optimized|130|\n' >"$FAKE/rules"
    batch "$work/empty" test-all
    check 'test-all: Ctrl-C ends all' not_called '[extreme]'
    check 'test-all: Ctrl-C is exit code 130' code_is 130
    printf 'krush|optimized|-1073741819|\n' >"$FAKE/rules"
    batch "$work/empty" test-all
    check 'test-all: a crash is not less than a pass' code_is 1
    printf 'krush|extreme|10|\n' >"$FAKE/rules"
    batch "$work/empty" 'performance-test --messages 5'
    check 'test-all: performance-test is optimized and extreme with --gate' in_order "$FAKE/calls" \
        '[optimized] [--gate] [--messages] [5]' '[extreme] [--gate] [--messages] [5]'
    check 'test-all: the exit code of performance-test' code_is 10
fi

if wanted 'quick-start'; then
    clean_slate
    before=$krush
    printf 'krush|extreme|10|\n%s\n' "$usual" >"$FAKE/rules"
    state health broker:running:healthy:0 init:exited:-:0 schema-registry:running:healthy:0 kafka-ui:running:healthy:0 rest-proxy:running:healthy:0
    batch "$work/bin" 'quick-start --profile=durable --wait 90 --fail-on "p99 >  1s" --seed=3'
    check 'quick-start: start, basic, extreme' in_order "$FAKE/calls" '[up] [-d]' 'krush [basic] [--quiet] KRUSH_URL=' \
        'krush [extreme] [--fail-on] [p99 >  1s] [--seed=3] KRUSH_URL=http://127.0.0.1:8082 KRUSH_DURATION=30s'
    check 'quick-start: the exit code' code_is 10
    check 'quick-start: the profile' stderr_has 'profile durable'
    printf 'krush|basic|15|\n%s\n' "$usual" >"$FAKE/rules"
    batch "$work/bin" quick-start
    check 'quick-start: ends where basic fails' not_called '[extreme]'
    check 'quick-start: ends with the exit code of basic' code_is 15
fi

if wanted 'clean'; then
    clean_slate
    started
    answer=$'n\n'
    batch "$work/bin" clean
    check 'clean: asks' stderr_has '[y/N]'
    check 'clean: n is exit code 0' code_is 0
    check 'clean: n deletes nothing' test ! -e "$FAKE/calls"
    check 'clean: n is answered' stderr_has 'nothing was deleted'
    answer=''
    batch "$work/bin" clean
    check 'clean: no answer deletes nothing' test ! -e "$FAKE/calls"
    check 'clean: the stack is known still' test -e "$home/.stack/state"
    answer=$'y\n'
    batch "$work/bin" clean
    check 'clean: y deletes containers and volumes' called '[down] [-v] [--remove-orphans]'
    check 'clean: nothing is known to be started then' test ! -e "$home/.stack/state"
    started
    answer=''
    batch "$work/bin" 'clean --all --yes'
    check 'clean: --yes does not ask' stderr_lacks '[y/N]'
    check 'clean: --all deletes the image too' called '[image] [rm] [krush:local]'
    started
    batch "$work/bin" 'clean --nonsense'
    check 'clean: an unknown option is exit code 2' code_is 2
    check 'clean: an unknown option deletes nothing' test ! -e "$FAKE/calls"
fi

if wanted 'topics'; then
    clean_slate
    started
    printf '["__consumer","performance-test"]' >"$FAKE/topics"
    printf '{"beginning_offset":0,"end_offset":7} 200\n 404\n' >"$FAKE/small"
    printf '{"beginning_offset":1000,"end_offset":3000000000} 200\n{"beginning_offset":0,"end_offset":2500999999} 200\n 404\n' >"$FAKE/large.1"
    printf '{"beginning_offset":1000,"end_offset":3000000000} 200\n{"beginning_offset":0,"end_offset":2501123456} 200\n 404\n' >"$FAKE/large.2"
    printf 'curl|/topics/__consumer|22|small\ncurl|/topics/performance-test|22|large\ncurl|/topics|0|topics\n' >"$FAKE/rules"
    batch "$work/bin" topics
    check 'topics: exit code 0' code_is 0
    check 'topics: sums beyond 2 billion' stdout_has 'performance-test                          2   5,500,998,999'
    check 'topics: a small one' stdout_has '__consumer                                1               7'
    batch "$work/bin" 'monitor performance-test --samples 2'
    check 'topics: monitor is exit code 0' code_is 0
    check 'topics: monitor shows the rate' stdout_has '     123,457    5,501,123,456'
    check 'topics: monitor ends after its samples' test "$(grep -c 5,501,123,456 "$work/out.txt")" = 2
    batch "$work/bin" 'monitor --samples 0'
    check 'topics: monitor --samples 0 is exit code 2' code_is 2
    printf '{"beginning_offset":0,"end_offset":7} 200\n 500\n' >"$FAKE/small"
    batch "$work/bin" topics
    check 'topics: a partition that does not answer is exit code 15' code_is 15
    printf 'curl|/topics|7|\n' >"$FAKE/rules"
    batch "$work/bin" topics
    check 'topics: a server that does not answer is exit code 15' code_is 15
    check 'topics: a server that does not answer is one line' one_line_on_stderr
    batch "$work/empty" topics
    check 'topics: without curl it is exit code 2' code_is 2
    printf 'docker|logs|3|\n' >"$FAKE/rules"
    batch "$work/bin" 'logs -f broker'
    check 'topics: logs are those of Compose' called '[logs] [--tail=100] [-f] [broker]'
    check 'topics: logs pass the exit code on' code_is 3
    batch "$work/bin" stop
    check 'topics: stop' called '[--profile] [testing] [--profile] [cluster] [stop]'
    check 'topics: stop is exit code 0' code_is 0
    sed -i 's/mode=docker/mode=local/' "$home/.stack/state"
    batch "$work/bin" stop
    check 'topics: a stack of --local is left to WSL' code_is 2
    before=$krush
    batch "$work/empty" test-basic
    check 'topics: a stack of --local can be tested' called 'krush [basic] KRUSH_URL=http://127.0.0.1:8082'
fi

finish
