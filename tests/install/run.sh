#!/usr/bin/env bash
# run.sh BUILD: installs the build folder into a temporary prefix and builds a user's programs against it, through
# CMake and through pkg-config; checks that the shared libraries export just what the public headers declare.
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/log"

echo "through CMake"
cmake -S "$here" -B "$work/user" -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log"
cmake --build "$work/user" >"$work/log" || { cat "$work/log"; exit 1; }
for program in "$work"/user/program_*; do "$program"; done

echo "through pkg-config"
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name portalis_thread.pc)")
export PKG_CONFIG_PATH
libs=$(pkg-config --variable=libdir portalis_thread)
# In two steps, as the simulator's flags for compiling are not for linking.
# shellcheck disable=SC2046
build_one() { # compiler standard source module
    "$1" "-std=$2" -Wall -Wextra -Wpedantic -Werror -c "$here/$3" -o "$work/user.o" $(pkg-config --cflags "$4")
    "$1" "$work/user.o" -o "$work/$3.program" $(pkg-config --libs "$4")
    LD_LIBRARY_PATH=$libs "$work/$3.program"
}
build_one gcc c11 program.c portalis_thread
build_one g++ c++17 program.cpp portalis_thread
if [ -e "$PKG_CONFIG_PATH/portalis_thread_uv.pc" ]; then build_one gcc gnu11 program_uv.c portalis_thread_uv; fi # uv.h wants more than C11

echo "each header by itself, in C11 and in C++17"
for header in "$work"/prefix/include/*.h; do
    gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c "$header" -I"$work/prefix/include"
    g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ "$header" -I"$work/prefix/include"
done 2> >(grep -v 'pragma once' >&2)

[ -e "$libs/libportalis_thread.so" ] || exit 0
echo "exports"
# What only a checked build has does not count, unless this is one.
unchecked() { if pkg-config --cflags portalis_thread | grep -q PT_CHECKED; then cat; else sed '/^#ifdef PT_CHECKED$/,/^#else$/d'; fi; }
compare() { # library header...
    nm -D --defined-only "$libs/$1" | awk '{ print $3 }' | sort >"$work/exported"
    cat "${@:2}" | unchecked | grep -v '^#' | tr '\n' ' ' | grep -oE 'PT_API ([^;{(]*\(|__thread [^;(]*;)' | sed -E 's/PT_NODISCARD//; s/[(;].*//; s/.*[ *]//' | sort -u >"$work/declared"
    diff "$work/declared" "$work/exported" || { echo "$1: declared (<) and exported (>) differ"; exit 1; }
}
uv=$work/prefix/include/pt_uv.h
mapfile -t headers < <(find "$work/prefix/include" -maxdepth 1 -name '*.h' ! -path "$uv")
compare libportalis_thread.so "${headers[@]}"
if [ -e "$uv" ]; then compare libportalis_thread_uv.so "$uv"; fi
