#!/bin/sh
# Installs what the notebooks need into .venv, from this folder alone, and says whether this machine is ready.
cd "$(dirname "$0")" || exit 1
for python in $commands python3 python ""; do
  command -v "$python" >/dev/null 2>&1 && break
done
[ "$python" ] || { echo "No Python found. You need Python $pythons, 64 bit."; exit 1; }
"$python" -m venv .venv || { echo "Python could not make a virtual environment here. Is this folder on a stick?"; exit 1; }
.venv/bin/python -m pip install --disable-pip-version-check --no-index --find-links wheelhouse -r requirements.txt
.venv/bin/python preflight.py || exit 1
echo "Start with: .venv/bin/jupyter lab notebooks"
