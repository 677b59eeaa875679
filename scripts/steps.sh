# shellcheck shell=bash
# What the set-up's scripts share: saying what happens, showing that it still happens, root.
# Sourced, never run. It installs nothing itself.

# One sentence that says what is missing and what to do about it, then exit 4 (could not prepare).
give_up() {
    printf 'setup: %s\n' "$*" >&2
    exit 4
}

say() { printf '%-10s %s\n' "$1" "$2"; }

# Shows that a long step still runs, from its second second on; ends with the step or with its shell.
tick() {
    local name=$1 what=$2 owner=$3 seconds=0
    while sleep 1 && kill -0 "$owner" 2>/dev/null; do
        seconds=$((seconds + 1))
        if [ -t 1 ]; then
            printf '\r%-10s %s (%d s) ' "$name" "$what" "$seconds"
        elif [ $((seconds % 15)) -eq 2 ]; then
            printf '%-10s %s (%d s)\n' "$name" "$what" "$seconds"
        fi
    done
}

# step NAME WHAT COMMAND…: runs the command in the foreground, so that Ctrl-C reaches it, with its
# output in .cache/setup-NAME.log; shows its end when it fails and returns the command's own exit code.
step() {
    local name=$1 what=$2 log code=0 ticker
    shift 2
    mkdir -p .cache
    log=.cache/setup-$name.log
    tick "$name" "$what" $$ &
    ticker=$!
    "$@" >"$log" 2>&1 </dev/null || code=$?
    kill "$ticker" 2>/dev/null || true
    wait "$ticker" 2>/dev/null || true
    [ -t 1 ] && printf '\r\033[K'
    # Interrupted, and the command has cleaned up: that is no failure to explain.
    [ "$code" -ne 130 ] || exit 130
    if [ "$code" -ne 0 ]; then
        printf '%s: %s failed (exit code %d); the end of its output:\n' "$name" "$what" "$code" >&2
        tail -n 15 "$log" >&2
    fi
    return "$code"
}

# Whether commands can run as root without a question.
can_be_root() {
    [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; }
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Where what is built or fetched is kept for every clone of this user.
cache_folder() { echo "${XDG_CACHE_HOME:-$HOME/.cache}/gameday"; }
