# shellcheck shell=bash
# Sourced by the set-up scripts: the cache, Debian packages, and wheels pinned by checksum.

# What the scripts download is kept here, by name and version; deleting it is always safe.
shoal_cache="${XDG_CACHE_HOME:-$HOME/.cache}/shoal"

# The one sentence that a user gets when set-up cannot go on.
fail() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# install_packages PACKAGE…: Debian packages, all of which are missing.
install_packages() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "this system has no apt-get: install what Debian calls $* and run this again"
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || fail "as root, run: apt-get install $*"
        sudo=(sudo)
    fi
    echo "installing $*" >&2
    {
        "${sudo[@]}" apt-get update -qq &&
            "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } >&2 || fail "apt-get could not install $*: check the network connection and run this again"
}

# ensure_pip: a `python3 -m pip` that works. It only downloads wheels, so any version does and nothing is installed.
ensure_pip() {
    python3 -m pip --version >/dev/null 2>&1 || install_packages python3 python3-pip
}

# fetch_wheel FILE REQUIREMENT FOLDER [PIP OPTION…]: downloads the wheel of that name into FOLDER and unpacks it there.
# FILE is pinned in scripts/checksums.txt; other bytes are refused.
fetch_wheel() {
    local file=$1 requirement=$2 folder=$3 wanted actual
    shift 3
    wanted=$(awk -v file="$file" '$2 == file { print $1 }' "$(dirname "${BASH_SOURCE[0]}")/checksums.txt")
    [ -n "$wanted" ] || fail "scripts/checksums.txt has no line for $file"
    ensure_pip
    echo "downloading $file" >&2
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --retries 2 --timeout 20 \
        "$@" --dest "$folder" "$requirement" 2>"$folder/pip.log" ||
        fail "pip could not download $requirement ($(tail -n 1 "$folder/pip.log")): check the network connection" \
            "and run this again"
    actual=$(python3 -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' \
        "$folder/$file") || fail "pip downloaded something else than $file: run this again, or report it"
    [ "$actual" = "$wanted" ] ||
        fail "$file has the SHA-256 $actual instead of $wanted: do not use it, check your package mirror"
    python3 -m zipfile -e "$folder/$file" "$folder"
}
