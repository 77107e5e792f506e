#!/usr/bin/env bash
# Set up everything that `make demo` and `make test` need: a virtual environment with pinned packages, and Java for Spark.
# Safe to repeat: a finished set-up is recognised by a stamp over the files that define it.
#   scripts/setup.sh [VENV [CONSTRAINTS]]        default: .venv beside this checkout, constraints.txt
# PYTHON=/path/to/python3.12 chooses the interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=${1:-.venv}
constraints=${2:-constraints.txt}

find_python() {
  for candidate in "${PYTHON:-}" python3.11 python3.12 python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  echo "error: no Python 3.11 or 3.12 found; install one, or name it: PYTHON=/path/to/python3.11 make setup" >&2
  exit 2
}

have_java() {
  command -v java >/dev/null 2>&1 && java -version 2>&1 | grep -qE 'version "(17|2[1-9])'
}

if ! have_java; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing Java 17 (Spark runs on it)" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null
  else
    echo "error: Spark needs Java 17 or 21 and none is on the PATH; install it (Debian: apt-get install openjdk-17-jre-headless)" >&2
    exit 2
  fi
fi

stamp=$(cat pyproject.toml "$constraints" scripts/archive_jvm.py | sha256sum | cut -d' ' -f1)
if [ "$(cat "$venv/.ready" 2>/dev/null || true)" = "$stamp" ]; then
  exit 0
fi
[ -x "$venv/bin/python" ] || "$(find_python)" -m venv "$venv"
echo "setup: installing pinned packages into $venv (some GB; a few minutes)" >&2
if [ "$constraints" = constraints.txt ]; then
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[spark,train,eval,gguf,dev]'
else # all that it names and nothing else: some packages' own pins do not go with its versions
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$constraints"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -e .
fi
echo "setup: storing Spark's classes for a quicker start" >&2
rm -f "$venv/spark.jsa"
"$venv/bin/python" scripts/archive_jvm.py "$(cd "$venv" && pwd)/spark.jsa" >/dev/null 2>"$venv/archive.log" ||
  echo "setup: not stored (see $venv/archive.log); Spark starts more slowly, nothing else changes" >&2
echo "$stamp" >"$venv/.ready"
echo "setup: done" >&2
