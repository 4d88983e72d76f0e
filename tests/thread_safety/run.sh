#!/usr/bin/env bash
# run.sh [CLANG]: what Clang's -Wthread-safety makes of programs with the headers' annotations. right*.c must compile
# without a warning; each wrong*.c must fail with the warning that its first line expects, and no other. Without a clang
# it is skipped, said as cmocka does, for run.mjs to count.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
clang=${1:-}
if [ -z "$clang" ] || ! command -v "$clang" >/dev/null; then
    echo "skipped: there is no clang, and no other compiler checks annotations: install clang-22"
    echo "[  SKIPPED ] 1 test(s), listed above"
    exit 0
fi
compile() { "$clang" -std=c11 -Wall -Wextra -Werror -Werror=thread-safety -I"$here/../../include" -fsyntax-only "$1"; }

passed=0 failed=0
ok() { echo "ok    $(basename "$1")"; passed=$((passed + 1)); }
wrong() { printf 'FAIL  %s: %s\n%s\n' "$(basename "$1")" "$2" "$output"; failed=$((failed + 1)); }

for program in "$here"/right*.c; do
    if output=$(compile "$program" 2>&1); then ok "$program"; else wrong "$program" "should compile"; fi
done
for program in "$here"/wrong*.c; do
    expected=$(sed -n '1s|^/\* expect: ||p' "$program")
    if output=$(compile "$program" 2>&1); then
        wrong "$program" "should not compile"
    elif [ -z "$expected" ] || ! grep -F -- "$expected" <<<"$output" | grep -q 'Wthread-safety'; then
        wrong "$program" "expected: $expected"
    elif [ "$(grep -c 'error:' <<<"$output")" != 1 ]; then
        wrong "$program" "says more than expected"
    else
        ok "$program"
    fi
done
echo "[  PASSED  ] $passed test(s)."
[ $failed = 0 ] || { echo "[  FAILED  ] $failed test(s), listed above"; exit 1; }
