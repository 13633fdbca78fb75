@echo off
rem Installs what the notebooks need into .venv, from this folder alone, and says whether this machine is ready.
cd /d "%~dp0"
for %%v in ($versions) do if not exist .venv py -%%v -m venv .venv 2>nul
if not exist .venv python -m venv .venv
if not exist .venv echo No Python found. You need Python $pythons, 64 bit.
if exist .venv .venv\Scripts\python -m pip install --disable-pip-version-check --no-index --find-links wheelhouse -r requirements.txt
if exist .venv .venv\Scripts\python preflight.py && echo Start with: .venv\Scripts\jupyter lab notebooks
pause
