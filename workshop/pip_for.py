"""pip as another machine would run it: `pip_for.py MARKERS download --platform ...`, MARKERS as JSON.

`--platform` and `--python-version` choose wheels for another machine, but pip reads a dependency like
``colorama; sys_platform == "win32"`` on the machine it runs on. Here it reads it as that other machine.
"""

import json
import sys

from pip._internal.cli.main import main
from pip._vendor.packaging import markers

here, there = markers.default_environment(), json.loads(sys.argv[1])
markers.default_environment = lambda: here | there
sys.exit(main(sys.argv[2:]))
