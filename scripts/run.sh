#!/usr/bin/env bash
# Runs the example, the tests or a build on a machine that has bash and a Python from 3.10 to 3.13, and nothing else:
#   bash scripts/run.sh demo    scores handwritten digits, and leaves quickstart/digits.png
#   bash scripts/run.sh test    the tests
#   bash scripts/run.sh docs    the documentation, in site/
#   bash scripts/run.sh wheel   the sdist and the wheel, in dist/, and a trial of the wheel where it alone is installed
# Makes the environment .venv first if there is none, and installs what is missing in it. PYTHON names another Python.
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() { # the first Python of a supported version that can make environments
    local candidate
    for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3.10 python3 python; do
        if [ -n "$candidate" ] && "$candidate" -c '
import ensurepip, ssl, sys, venv
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo 'scripts/run.sh: expected a Python from 3.10 to 3.13 with venv on the PATH; found none. Name one: PYTHON=...' >&2
    return 1
}

python_of() { # the Python of an environment, which Windows keeps in another folder
    if [ -x "$1/Scripts/python.exe" ]; then echo "$1/Scripts/python.exe"; else echo "$1/bin/python"; fi
}

install() { # the package with these extras, unless they have been installed since pyproject.toml changed
    local stamp=".venv/installed-$1"
    [ -x "$(python_of .venv)" ] || "$(find_python)" -m venv .venv
    if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
        echo "Installing deeplift_tf[$1] into .venv; this takes a minute or two"
        "$(python_of .venv)" -m pip install --quiet --disable-pip-version-check -e ".[$1]"
        touch "$stamp"
    fi
}

case "${1:-}" in
demo)
    install cli,plots,examples
    exec "$(python_of .venv)" examples/quickstart.py "${@:2}"
    ;;
test)
    install dev
    exec "$(python_of .venv)" -m pytest "${@:2}"
    ;;
docs)
    install dev
    NO_MKDOCS_2_WARNING=1 "$(python_of .venv)" -m mkdocs build --strict
    ;;
wheel)
    install dev
    rm -rf dist
    "$(python_of .venv)" -m build --outdir dist .
    away=$(mktemp -d)
    trap 'rm -rf "$away"' EXIT
    "$(find_python)" -m venv "$away/venv"
    "$(python_of "$away/venv")" -m pip install --quiet --disable-pip-version-check "$(ls "$PWD"/dist/*.whl)[cli,plots]"
    cd "$away"
    "$(python_of "$away/venv")" -m deeplift_tf.cli --version
    "$(python_of "$away/venv")" -m deeplift_tf.cli doctor
    "$(python_of "$away/venv")" -m deeplift_tf.cli demo
    ;;
*)
    sed -n 's/^# \{0,1\}//p' "$0" | sed -n '2,8p'
    exit 2
    ;;
esac
