#!/usr/bin/env bash
# Pages of krush in a headless Chromium, 1280 and 390 px wide, light and dark: nothing sticks out, every text is readable, labels do not
# overlap, nothing is missing on paper, drawings have names, nothing is asked of the network, and the console is silent.
#
#   tests/html/check.sh FOLDER   every .html file in it; the names must be those that tests/it/html.rs writes
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pages=${1:?the folder with the pages}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)

# inspect PAGE SCHEME OUTPUT: what the browser finds, a line each.
inspect() {
    local page=$1 scheme=$2 output=$3 dark=()
    [[ $scheme == light ]] || dark=(--blink-settings=preferredColorScheme=0)
    # Read from a file: a page is longer than a command line may be.
    base64 -w0 "$page" >"$work/page.b64"
    awk -v scheme="$scheme" -v file="$work/page.b64" '
        /@PAGE@/ { getline page < file; at = index($0, "@PAGE@"); $0 = substr($0, 1, at - 1) page substr($0, at + 6); sub(/@SCHEME@/, scheme) }
        { print }' "$here/inspect.html" >"$work/inspect.html"
    local profile="$work/profile"
    rm -rf "$profile" && mkdir "$profile"
    timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$profile" --window-size=1400,1000 --enable-logging=stderr \
        --virtual-time-budget=20000 "${dark[@]}" --dump-dom "file://$work/inspect.html" >"$work/dom" 2>"$work/log"
    sed -n '/<pre id="findings">/,/<\/pre>/p' "$work/dom" | sed 's/<[^>]*>//g' | grep -E '^(finding|seen|done)' >"$output" || true
    sed -n 's/.*CONSOLE[^"]*"/finding: console: "/p' "$work/log" >>"$output"
}

# The check itself is checked first: a page with every fault must be found out.
inspect "$here/broken.html" light "$work/broken"
for fault in "contrast" "it is 2[0-9]* px wide" "two elements are called a" "not one h1" "not one main" "no language" \
    "without a role" "a path that is none" "it refers to http" "labels overlap: one and two" "it has a script"; do
    if ! grep -q "^finding: 390px: .*$fault" "$work/broken"; then
        printf 'the check does not see: %s\n' "$fault" >&2
        cat "$work/broken" >&2
        exit 1
    fi
done

if ! grep -q '^finding: paper: not to be seen: folded away' "$work/broken"; then
    echo "the check does not see what is missing on paper" >&2
    exit 1
fi

if ! grep -q '^finding: console: .*a word on the console' "$work/broken"; then
    echo "the check does not see what is written to the console" >&2
    exit 1
fi

failed=0
for name in good bad void lost e2e duet several long history long-history ledger hostile; do
    page="$pages/$name.html"
    for scheme in light dark; do
        inspect "$page" "$scheme" "$work/found"
        if grep -q '^finding' "$work/found" || ! grep -q '^done' "$work/found"; then
            printf '%s, %s:\n' "$name" "$scheme" >&2
            grep -v '^seen' "$work/found" | head -20 >&2
            [[ -s $work/found ]] || tail -5 "$work/log" >&2
            failed=1
        else
            printf '%-8s %-5s %s bytes; %s\n' "$name" "$scheme" "$(wc -c <"$page")" "$(sed -n 's/^seen: //p' "$work/found" | paste -sd';')"
        fi
    done
done
exit "$failed"
