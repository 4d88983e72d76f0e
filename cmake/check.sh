#!/usr/bin/env bash
# check.sh: what the tests do not show: the sanitizers, the simulator, both compilers with warnings as errors, the format.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "check: $*" >&2; }

say "format"
# shellcheck disable=SC2046
clang-format --dry-run --Werror $(git ls-files '*.c' '*.h' '*.cpp')

for compiler in gcc clang-22; do
    for sim in OFF ON; do
        say "warnings as errors with $compiler$([ $sim = OFF ] || echo ", for the simulator")"
        folder=build/warnings-$compiler-sim-$sim
        cmake -S . -B "$folder" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DPT_WERROR=ON -DPT_SIM=$sim \
            -DCMAKE_BUILD_TYPE=RelWithDebInfo >/dev/null
        cmake --build "$folder" >build/warnings.log 2>&1 || {
            cat build/warnings.log
            exit 1
        }
    done
done

say "sanitizers"
CC=clang-22 CXX=clang++-22 node cmake/build.mjs native-asan # gcc 12's has no test of forks: see tests/native.cmake
node cmake/build.mjs native-tsan
node tests/run.mjs native-asan native-tsan

say "fuzzing: each decoder for ten seconds, beginning with what is known"
CC=clang-22 CXX=clang++-22 node cmake/build.mjs fuzz
for format in cbor json; do
    mkdir -p build/fuzz/finds/$format
    build/fuzz/tests/fuzz/fuzz_$format -max_total_time=10 -max_len=2048 -artifact_prefix=build/fuzz/ \
        build/fuzz/finds/$format tests/fuzz/corpus/$format >build/fuzz.log 2>&1 || {
        tail -n 60 build/fuzz.log
        exit 1
    }
done

say "simulated: every subject, some thousand to some ten thousand interleavings a test"
node cmake/build.mjs sim
node tests/run.mjs sim

say "valgrind: nothing is leaked, parked carriers included"
node cmake/build.mjs native
for subject in carrier scope tls cancel memory; do
    PT_TEST_LIMIT=300 valgrind -q --leak-check=full --error-exitcode=1 "build/native/tests/test_$subject" \
        >build/valgrind.log 2>&1 || {
        cat build/valgrind.log
        exit 1
    }
done
