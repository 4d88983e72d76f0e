#!/usr/bin/env bash
# setup.sh: installs what building and testing need, and says what will be used. Made for Debian 12.
#
#   cmake/setup.sh [native] [wasi] [browser] [checks]    install what is missing for these; default: all four
#   cmake/setup.sh bench                                 install the libraries and languages that the bench compares with
#   cmake/setup.sh doctor                                say which tools will be used, and what is missing
#   cmake/setup.sh --help                                this text
#
# Packages of the running system come by apt-get (root, or sudo without a password). What Debian 12 does not have in
# a usable version, a WASI libc with threads and a present-day Emscripten, is taken from a newer Debian suite: from
# the archive that apt is set up for, checked by Debian's key, and unpacked into a cache folder, which needs no root.
# Your own toolchains come first: a wasi-sdk named by WASI_SDK_PATH, and an emcc on PATH if it is new enough.
# Nothing is fetched twice. To take the suite's present versions, remove the cache folder and run this again.
#
# Environment:
#   PT_CACHE          the cache folder; default: ${XDG_CACHE_HOME:-$HOME/.cache}/portalis-thread
#   PT_DEBIAN_SUITE   the newer suite; default: forky
#   WASI_SDK_PATH     a wasi-sdk with the target wasm32-wasip1-threads (22 or newer)
#   CHROMIUM          the browser that runs the tests; default: chromium on PATH
#
# Ends with 0 when all is there, 1 when something failed (or doctor misses something), 2 when you have to act first.
set -euo pipefail
shopt -s nullglob

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${PT_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/portalis-thread}
[[ $cache == /* ]] || cache=$root/$cache
suite=${PT_DEBIAN_SUITE:-forky}
log=$cache/setup.log
llvm=/usr/lib/llvm-22/bin
runtimes=/usr/lib/llvm-22/lib/clang/22/lib/linux
builtins=/usr/lib/llvm-22/lib/clang/22/lib/wasi/libclang_rt.builtins-wasm32.a
python=/usr/bin/python3
crates=/usr/share/cargo/registry # as in bench/peers/native.cmake
oldest_emcc=4.0.0 # as in browser.cmake
oldest_node=20
# First line of each toolchain's file "versions". Another suite, or another number here, and it is made anew.
stamp="suite $suite, unpacked by recipe 2"

say() { echo "setup: $*" >&2; }

fail() {
    say "$*"
    exit 1
}

# The user must do something first.
refuse() {
    say "$*"
    exit 2
}

# Run a command that may take long; should it fail, show the end of what it printed.
quietly() {
    echo "\$ $*" >>"$log"
    if ! "$@" </dev/null >>"$log" 2>&1; then
        say "failed: $*"
        tail -n 15 "$log" | sed 's/^/    /' >&2
        fail "the whole log is in $log"
    fi
}

# at_least WANTED VERSION
at_least() { [ -n "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# ---- What is there already -------------------------------------------------------------------

# The version of the emcc at this path: from the file beside it if there is one, since asking takes a second.
emcc_version() {
    local file
    file=$(dirname "$(readlink -f "$1")")/emscripten-version.txt
    { cat "$file" || "$1" --version; } 2>/dev/null | grep -Eo -m 1 '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1 || true
}

emcc_on_path() { command -v emcc || true; }

# The user's own emcc, if it is new enough.
own_emcc() {
    local path
    path=$(emcc_on_path)
    [ -n "$path" ] && at_least $oldest_emcc "$(emcc_version "$path")" && echo "$path"
}

find_chromium() {
    if [ -n "${CHROMIUM:-}" ]; then command -v "$CHROMIUM"; else command -v chromium; fi || true
}

# present FILE...: the first of the names, if it exists.
present() { [ ! -e "${1:-}" ] || echo "$1"; }

# complete TOOLCHAIN: whether the cache has it, from the suite wanted.
complete() { [ "$(head -n 1 "$cache/$1/versions" 2>/dev/null)" = "$stamp" ]; }

# taken TOOLCHAIN PACKAGE: its version in the cache.
taken() { sed -n "s/^$2 //p" "$cache/$1/versions" 2>/dev/null || true; }

have_package() {
    case $1 in
    gcc | g++ | cmake | pkg-config | clang-format | valgrind) command -v "$1" >/dev/null ;;
    ninja-build) command -v ninja >/dev/null ;;
    libcmocka-dev) pkg-config --exists cmocka 2>/dev/null ;;
    clang-22) [ -x $llvm/clang ] ;;
    lld-22) [ -x $llvm/wasm-ld ] ;;
    llvm-22) [ -x $llvm/llvm-ar ] ;;
    libclang-rt-22-dev) [ -n "$(present $runtimes/libclang_rt.tsan-*.a)" ] ;;
    libclang-rt-22-dev-wasm32) [ -e $builtins ] ;;
    cargo) command -v cargo >/dev/null ;;
    librust-parking-lot-dev) [ -n "$(present $crates/parking_lot-[0-9]*)" ] ;;
    librust-crossbeam-channel-dev) [ -n "$(present $crates/crossbeam-channel-[0-9]*)" ] ;;
    librust-rayon-dev) [ -n "$(present $crates/rayon-[0-9]*)" ] ;;
    golang-go) command -v go >/dev/null ;;
    libglib2.0-dev) pkg-config --exists glib-2.0 2>/dev/null ;;
    libmsgpack-dev) pkg-config --exists msgpack 2>/dev/null ;;
    libnanopb-dev) [ -e /usr/include/pb_encode.h ] ;;
    nanopb) command -v nanopb_generator.py >/dev/null ;;
    libuv1-dev) pkg-config --exists libuv 2>/dev/null ;;
    libtbb-dev) pkg-config --exists tbb 2>/dev/null ;;
    libomp-dev) [ -n "$(present /usr/lib/llvm-*/lib/libomp.so)" ] ;;
    libapr1-dev) pkg-config --exists apr-1 2>/dev/null ;;
    libaprutil1-dev) pkg-config --exists apr-util-1 2>/dev/null ;;
    libck-dev) pkg-config --exists ck 2>/dev/null ;;
    python3) $python -E -c "import shlex" 2>/dev/null ;; # python3-minimal will not do
    chromium) [ -n "$(find_chromium)" ] ;;
    esac
}

packages_for() {
    case $1 in
    native) echo gcc g++ cmake ninja-build pkg-config libcmocka-dev libuv1-dev ;;
    wasi)
        echo cmake ninja-build
        [ -n "${WASI_SDK_PATH:-}" ] || echo clang-22 lld-22 llvm-22 libclang-rt-22-dev-wasm32
        ;;
    browser)
        echo cmake ninja-build chromium
        own_emcc >/dev/null || echo clang-22 lld-22 llvm-22 python3
        ;;
    checks) echo gcc g++ clang-22 libclang-rt-22-dev clang-format pkg-config valgrind ;;
    bench)
        echo g++ pkg-config libglib2.0-dev libuv1-dev libtbb-dev libapr1-dev libaprutil1-dev libck-dev
        echo libmsgpack-dev libnanopb-dev nanopb clang-22 libomp-dev
        echo cargo librust-parking-lot-dev librust-crossbeam-channel-dev librust-rayon-dev golang-go python3
        ;;
    esac
}

# missing_packages COMPONENT...: one a line.
missing_packages() {
    local component package
    for component in "$@"; do
        for package in $(packages_for "$component"); do
            have_package "$package" || echo "$package"
        done
    done | sort -u
}

# ---- Packages of the running system ----------------------------------------------------------

# Without our lock, which a service that a package starts would keep.
system_apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 "$@" 9>&-; }

# Those of the packages that apt's lists do not offer.
unknown_packages() {
    local known
    known=$(apt-cache policy "$@" 2>/dev/null |
        awk '/^[^ ]/ { sub(/:$/, ""); name = $1 } /Candidate:/ && $2 != "(none)" { print name }')
    comm -23 <(printf '%s\n' "$@" | sort) <(sort <<<"$known")
}

# install_packages COMPONENT...
install_packages() {
    local missing unknown
    as_root=()
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || refuse "no apt-get here; please install by your own means: ${missing[*]}"
    mapfile -t unknown < <(unknown_packages "${missing[@]}")
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo -n)
        if ! sudo -n true 2>/dev/null; then
            refuse "please run: ${unknown:+sudo apt-get update && }sudo apt-get install --no-install-recommends ${missing[*]}"
        fi
    fi
    if [ ${#unknown[@]} -gt 0 ]; then
        update_system
        mapfile -t unknown < <(unknown_packages "${missing[@]}")
        [ ${#unknown[@]} -eq 0 ] || refuse "apt knows no ${unknown[*]}; Debian 12 has them, LLVM 22 and chromium" \
            "in bookworm-security: please see that apt's sources name it"
    fi
    say "installing ${missing[*]}$(download_size "${missing[@]}")"
    if ! system_apt install -y --no-install-recommends "${missing[@]}" </dev/null >>"$log" 2>&1; then
        update_system # what the list promised may be gone from the archive
        quietly system_apt install -y --no-install-recommends "${missing[@]}"
    fi
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] || fail "installed, but still not to be found: ${missing[*]}"
}

update_system() {
    say "reading apt's package lists"
    quietly system_apt update
}

download_size() {
    apt-get install -y --no-install-recommends --print-uris "$@" 2>/dev/null |
        awk '/^\047/ { size += $3 } END { if (size > 0) printf " (%.0f MB to download)", size / 1e6 }' || true
}

# A distribution's own Node may be too old, and installing another is not for us to do.
check_node() {
    local version
    version=$(node --version 2>/dev/null || true)
    if ! at_least $oldest_node "${version#v}" || ! command -v npm >/dev/null; then
        refuse "please install Node.js $oldest_node or newer, with npm (found: node ${version:-none}," \
            "npm $(command -v npm || echo none))"
    fi
}

# ---- Packages of the newer suite, into the cache ----------------------------------------------

# apt-get with sources, lists and cache of its own; needs no root.
suite_apt() {
    local own=$cache/apt
    apt-get -o Dir::Etc::SourceList="$own/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$own/state" -o Dir::State::Lists="$own/lists" -o Dir::State::Status=/dev/null \
        -o Dir::Cache="$own/cache" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any "$@"
}

# The addresses that apt has Debian from: a user's mirror stays a mirror. Before apt has read any lists it cannot say
# which archive is Debian's, so then these are all archives but the security ones; Debian's key tells later.
archives() {
    local known
    # shellcheck disable=SC2016
    known=$(apt-get indextargets --format '$(REPO_URI)' \
        'Created-By: Packages' 'Origin: Debian' 'Label: Debian' 'Component: main')
    [ -n "$known" ] || known=$(apt-get update --print-uris | sed -n "/security/d; s,^'\(.*/\)dists/.*,\1,p")
    awk '!seen[$0]++' <<<"$known"
}

# Read the suite's list of packages, once a run.
read_suite() {
    local keys archive
    [ -z "${suite_read:-}" ] || return 0
    command -v apt-get >/dev/null || refuse "no apt-get here: please set WASI_SDK_PATH, and put an emcc on PATH"
    keys=(/usr/share/keyrings/debian-archive-keyring.*)
    [ ${#keys[@]} -gt 0 ] || refuse "no keys of Debian; please run: sudo apt-get install debian-archive-keyring"
    say "reading the package list of Debian $suite (about 10 MB)"
    mkdir -p "$cache"/apt/{state,lists/partial,cache/archives/partial}
    for archive in $(archives); do
        echo "deb [signed-by=${keys[0]} arch=$(dpkg --print-architecture) target=Packages] $archive $suite main" \
            >"$cache/apt/sources.list"
        if suite_apt update </dev/null >>"$log" 2>&1; then
            suite_read=yes
            return
        fi
    done
    tail -n 15 "$log" | sed 's/^/    /' >&2
    fail "none of apt's archives gave Debian $suite; the whole log is in $log"
}

# unpack TOOLCHAIN PACKAGE...: the packages' files into a fresh folder, which finish_toolchain() puts in its place.
unpack() {
    local folder=$cache/$1.new debs=$cache/debs deb
    shift
    read_suite
    rm -rf "$folder" "$debs"
    mkdir -p "$folder" "$debs"
    cd "$debs"
    say "downloading from Debian $suite: $(suite_apt download --print-uris "$@" 2>>"$log" | describe_debs)"
    quietly suite_apt download "$@"
    echo "$stamp" >"$folder/versions"
    for deb in *.deb; do
        quietly dpkg-deb -x "$deb" "$folder"
        # shellcheck disable=SC2016
        dpkg-deb -W --showformat='${Package} ${Version}\n' "$deb" >>"$folder/versions"
    done
    cd "$root"
    rm -rf "$debs"
}

# "emscripten 6.0.5, binaryen 131 (12 MB)" out of what apt-get says with --print-uris.
describe_debs() {
    awk '{ split($2, part, "_"); sub(/^[0-9]+%3a/, "", part[2]); sub(/[-+~].*/, "", part[2])
           all = all (all == "" ? "" : ", ") part[1] " " part[2]; size += $3 }
         END { printf "%s (%.1f MB)", all, size / 1e6 }'
}

# A toolchain appears under its name only when it is complete.
finish_toolchain() {
    rm -rf "${cache:?}/$1"
    mv "$cache/$1.new" "$cache/$1"
}

# ---- WASI ------------------------------------------------------------------------------------

install_wasi() {
    if [ -n "${WASI_SDK_PATH:-}" ]; then
        check_wasi_sdk
    elif ! complete wasi; then
        unpack wasi wasix-libc
        link_sysroot "$cache/wasi.new/usr"
        mend_wasix "$cache/wasi.new/usr"
        finish_toolchain wasi
    fi
    install_npm src/wasi/host
}

check_wasi_sdk() {
    [ -x "$WASI_SDK_PATH/bin/clang" ] || refuse "WASI_SDK_PATH is $WASI_SDK_PATH, which has no bin/clang"
    [ -e "$WASI_SDK_PATH/share/wasi-sysroot/lib/wasm32-wasip1-threads/libc.a" ] ||
        refuse "the wasi-sdk in $WASI_SDK_PATH has no wasm32-wasip1-threads; please take version 22 or newer"
}

# Debian's folders have the target's old name; clang looks for the one that wasi-sdk uses.
link_sysroot() {
    ln -s wasm32-wasi "$1/include/wasm32-wasip1-threads"
    ln -s wasm32-wasi "$1/lib/wasm32-wasip1-threads"
}

# mend_wasix SYSROOT: give its libc the waiting of wasi-libc, by WebAssembly's own instructions. Its own asks the host:
# - A wake stores the host's answer on the thread's stack. A thread that ends wakes its joiner last, who may have
#   freed that stack and given it to a new thread by then: a byte of the new one's stack changes.
# - A wait with a deadline (pthread_cond_timedwait(), sem_timedwait(), ...) waits for ever.
mend_wasix() {
    replace_in_libc "$1" __wasilibc_futex.o "$root/src/wasi/wasix_futex.c"
    replace_in_libc "$1" __timedwait.o "$root/cmake/wasix_timedwait.c"
}

# replace_in_libc SYSROOT OBJECT SOURCE: the source in place of libc's own object of that name.
replace_in_libc() {
    local object=$cache/$2
    quietly $llvm/clang --target=wasm32-wasip1-threads --sysroot="$1" -pthread -O2 -c "$3" -o "$object"
    quietly $llvm/llvm-ar r "$1/lib/wasm32-wasi/libc.a" "$object"
    rm -f "$object"
}

# ---- Browser ---------------------------------------------------------------------------------

install_browser() {
    local emcc
    if ! emcc=$(own_emcc); then
        emcc=$cache/browser/usr/share/emscripten/emcc
        if ! complete browser; then
            tell_old_emcc
            unpack browser emscripten node-acorn binaryen libc6 libstdc++6 libgcc-s1
            fit_emscripten "$cache/browser.new" "$cache/browser"
            finish_toolchain browser
        fi
    fi
    warm_emscripten "$emcc"
    install_npm src/browser/host
}

tell_old_emcc() {
    local path
    path=$(emcc_on_path)
    [ -z "$path" ] || say "emcc $(emcc_version "$path") at $path is too old, need $oldest_emcc or newer;" \
        "using Debian $suite's instead"
}

# fit_emscripten FOLDER HOME: make what was unpacked in FOLDER, and will be in HOME, run on this system.
fit_emscripten() {
    local folder=$1 home=$2 scripts=$1/usr/share/emscripten loader libraries tool
    mkdir -p "$folder/llvm" "$folder/binaryen/bin"

    # Binaryen's programs want the newer suite's C library: each runs through the loader that came with it.
    loader=$(cd "$folder" && present usr/lib*/ld-linux-*.so.*)
    libraries=$(cd "$folder" && present usr/lib/*-linux-gnu)
    for tool in "$folder"/usr/bin/wasm*; do
        tool=${tool##*/}
        write_script "$folder/binaryen/bin/$tool" "exec \"$home/$loader\"" \
            "--library-path \"$home/$libraries\" \"$home/usr/bin/$tool\""
    done

    # This Emscripten is made for LLVM 21. It works with 22, once the linker has 21's default.
    sed -i 's/^EXPECTED_LLVM_VERSION = .*/EXPECTED_LLVM_VERSION = 22/' "$scripts/tools/shared.py"
    ln -s $llvm/* "$folder/llvm/"
    rm "$folder/llvm/wasm-ld"
    write_script "$folder/llvm/wasm-ld" "exec $llvm/wasm-ld --no-stack-first"

    # Where Node looks for acorn, from emcc's scripts and from acorn's own parts.
    ln -s nodejs "$folder/usr/share/node_modules"
    cat >"$scripts/.emscripten" <<CONFIG
import shutil
LLVM_ROOT = '$home/llvm'
BINARYEN_ROOT = '$home/binaryen'
NODE_JS = shutil.which('node') or '$(command -v node)'
CACHE = '$home/cache'
CONFIG
    # Whatever configuration and Python another Emscripten's environment names, these take ours.
    for tool in "$scripts"/*.py; do
        tool=${tool%.py}
        [ ! -x "$tool" ] || write_script "$tool" "EM_CONFIG=\"$home/usr/share/emscripten/.emscripten\"" \
            "exec $python -E \"$home/usr/share/emscripten/${tool##*/}.py\""
    done
}

# write_script FILE COMMAND...: a script that runs the command with the arguments it is given.
write_script() {
    local file=$1
    shift
    rm -f "$file"
    printf '#!/bin/sh\n%s "$@"\n' "$*" >"$file"
    chmod +x "$file"
}

# Link in each way that the project does, so that Emscripten builds its system libraries now, with a word about it,
# and not in the middle of somebody's build. An unfinished library of an interrupted run is not to stay.
warm_emscripten() {
    local emcc=$1 work=$cache/warm way stamp_file=$cache/warmed warm_for
    warm_for="$emcc $(emcc_version "$emcc")"
    [[ $emcc != "$cache"/* ]] || stamp_file=$cache/browser/warmed
    [ "$(cat "$stamp_file" 2>/dev/null)" != "$warm_for" ] || return 0
    say "building Emscripten's system libraries, once (two to three minutes)"
    [[ $emcc != "$cache"/* ]] || rm -rf "$cache/browser/cache"
    rm -rf "$work"
    mkdir -p "$work"
    echo 'int main(void) { return 0; }' >"$work/a.c"
    for way in "-O2 -g2" "-O3" "-O0 -g" "-O2 -sMALLOC=mimalloc -sINITIAL_MEMORY=64MB"; do
        # shellcheck disable=SC2086
        quietly "$emcc" $way -pthread -sEXPORT_ES6 -sMODULARIZE -sPROXY_TO_PTHREAD -sEXIT_RUNTIME \
            "$work/a.c" -o "$work/a.mjs"
    done
    echo "$warm_for" >"$stamp_file"
    rm -rf "$work"
}

# ---- npm -------------------------------------------------------------------------------------

# What the lock file says, anew when it has changed since.
install_npm() {
    local folder=$root/$1
    [ -e "$folder/package-lock.json" ] || return 0
    npm_complete "$1" && return
    say "installing npm packages in $1"
    cd "$folder"
    quietly npm ci --ignore-scripts --no-audit --no-fund
    cd "$root"
    mkdir -p "$folder/node_modules"
    cp "$folder/package-lock.json" "$folder/node_modules/.portalis-installed"
}

npm_complete() { cmp -s "$root/$1/package-lock.json" "$root/$1/node_modules/.portalis-installed"; }

# ---- Doctor ----------------------------------------------------------------------------------

healthy=yes

# row NAME VERSION PLACE: no place means missing.
row() {
    if [ -z "$3" ]; then
        healthy=no
        set -- "$1" MISSING "make setup"
    fi
    printf '  %-14s %-28s %s\n' "$1" "${2:--}" "$3"
}

# peer NAME VERSION PLACE: the same of something that only the bench compares with, which nobody need have.
peer() {
    [ -n "$3" ] || set -- "$1" none "left out; make bench installs it"
    row "$@"
}

# option NAME VERSION PLACE: the same of something that adds a library, pt_uv.h, without which all else is built.
option() {
    [ -n "$3" ] || set -- "$1" none "left out; make setup installs it"
    row "$@"
}

# The first thing that looks like a version in what the program says of itself.
version_of() { "$1" --version 2>/dev/null | grep -Eo -m 1 '[0-9]+(\.[0-9]+)+' | head -n 1 || true; }

# module row|peer|option NAME MODULE: what pkg-config knows by this name.
module() {
    local say=$1 name=$2 module=$3
    $say "$name" "$(pkg-config --modversion "$module" 2>/dev/null || true)" \
        "$(pkg-config --exists "$module" 2>/dev/null && echo "$(pkg-config --variable=pcfiledir "$module")/$module.pc")"
}

program() {
    local path
    path=$(command -v "$2" || true)
    row "$1" "${path:+$(version_of "$path")}" "$path"
}

npm_row() {
    if [ ! -e "$root/$1/package-lock.json" ]; then
        row "npm packages" none "not needed by $1"
    elif npm_complete "$1"; then
        row "npm packages" "as locked" "$1/node_modules"
    else
        row "npm packages" "" ""
    fi
}

doctor() {
    echo native
    program gcc gcc
    program g++ g++
    program cmake cmake
    program ninja ninja
    program pkg-config pkg-config
    module row cmocka cmocka
    module option libuv libuv
    npm_row tests/interop
    echo wasi
    if [ -n "${WASI_SDK_PATH:-}" ]; then doctor_wasi_sdk; else doctor_wasi; fi
    doctor_node
    npm_row src/wasi/host
    echo browser
    doctor_emcc
    row chromium "$(version_of "$(find_chromium)")" "$(find_chromium)"
    npm_row src/browser/host
    echo checks
    program clang $llvm/clang
    row sanitizers "" "$(present $runtimes/libclang_rt.tsan-*.a)"
    program clang-format clang-format
    program valgrind valgrind
    echo "bench (peers)"
    doctor_bench
    [ $healthy = yes ]
}

# Debian's own cargo first, as the bench does.
doctor_bench() {
    local cargo go parking_lot crossbeam rayon
    cargo=$(present /usr/bin/cargo)
    [ -n "$cargo" ] || cargo=$(command -v cargo || true)
    go=$(command -v go || true)
    parking_lot=$(present $crates/parking_lot-[0-9]*)
    crossbeam=$(present $crates/crossbeam-channel-[0-9]*)
    rayon=$(present $crates/rayon-[0-9]*)
    module peer glib glib-2.0
    module peer tbb tbb
    peer libomp "" "$(present /usr/lib/llvm-*/lib/libomp.so)"
    module peer apr apr-1
    module peer apr-util apr-util-1
    module peer ck ck
    module peer msgpack msgpack
    peer nanopb "" "$(command -v nanopb_generator.py || true)"
    peer cargo "${cargo:+$(version_of "$cargo")}" "$cargo"
    peer parking_lot "${parking_lot##*-}" "$parking_lot"
    peer crossbeam "${crossbeam##*-}" "$crossbeam"
    peer rayon "${rayon##*-}" "$rayon"
    peer go "${go:+$("$go" env GOVERSION 2>/dev/null || true)}" "$go"
    peer python3 "$(version_of $python)" "$(present $python)"
}

doctor_wasi_sdk() {
    local sdk=$WASI_SDK_PATH sysroot=$WASI_SDK_PATH/share/wasi-sysroot
    program clang "$sdk/bin/clang"
    program wasm-ld "$sdk/bin/wasm-ld"
    row sysroot "wasi-sdk $(head -n 1 "$sdk/VERSION" 2>/dev/null || true)" \
        "$(present "$sysroot"/lib/wasm32-wasip1-threads/libc.a)"
    row builtins "" "$(present "$sdk"/lib/clang/*/lib/*wasi*/libclang_rt.builtins*.a)"
}

doctor_wasi() {
    local sysroot=""
    if complete wasi; then sysroot=$cache/wasi/usr; fi
    program clang $llvm/clang
    program wasm-ld $llvm/wasm-ld
    row sysroot "wasix-libc $(taken wasi wasix-libc)" "$sysroot"
    row builtins "" "$(present $builtins)"
}

doctor_node() {
    local version
    version=$(node --version 2>/dev/null || true)
    if at_least $oldest_node "${version#v}"; then
        row node "${version#v}" "$(command -v node)"
        program npm npm
    else
        healthy=no
        printf '  %-14s %-28s %s\n' node "${version:-MISSING}" "please install Node.js $oldest_node or newer, with npm"
    fi
}

doctor_emcc() {
    local emcc binaryen=""
    if emcc=$(own_emcc); then
        row emcc "$(emcc_version "$emcc")" "$emcc (yours)"
        row binaryen "" "your Emscripten's own"
        return
    fi
    emcc=""
    if complete browser; then
        emcc=$cache/browser/usr/share/emscripten/emcc
        binaryen=$cache/browser/binaryen
    fi
    row emcc "$(taken browser emscripten)" "$emcc"
    row binaryen "$(taken browser binaryen)" "$binaryen"
    [ -z "$(emcc_on_path)" ] || tell_old_emcc
}

# ---- Main ------------------------------------------------------------------------------------

# One setup at a time in a cache folder. What it started holds the lock too, should it be killed.
take_lock() {
    if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then refuse "cannot write to $cache; please set PT_CACHE"; fi
    exec 9>"$cache/lock"
    if ! flock -n 9; then
        say "waiting for another setup to end"
        flock 9
    fi
    : >"$log"
}

install() {
    local component
    take_lock
    if [[ " $* " == *" wasi "* || " $* " == *" browser "* ]]; then check_node; fi
    install_packages "$@"
    for component in "$@"; do
        case $component in
        native) if command -v npm >/dev/null; then install_npm tests/interop; fi ;;
        wasi) install_wasi ;;
        browser) install_browser ;;
        esac
    done
}

main() {
    local argument
    if [ "${1:-}" = doctor ]; then
        doctor
        exit
    fi
    for argument in "$@"; do
        case $argument in
        -h | --help)
            sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
            exit
            ;;
        native | wasi | browser | checks | bench) ;;
        *) refuse "cannot set up $argument; there are: native wasi browser checks bench, and: doctor, --help" ;;
        esac
    done
    [ $# -gt 0 ] || set -- native wasi browser checks
    install "$@"
}

main "$@"
