"""Write ``census.json``, the names of this package, from the lists of the United States census of 1990.

    python -m pip download --no-deps --no-binary :all: names==0.3.0   # a package that carries the lists along
    python -m rlhf_helpers.names.census names-0.3.0.tar.gz

The lists are a work of the United States Census Bureau, and in the public domain.
"""

import json
import sys
import tarfile
from pathlib import Path

SURNAMES = 2000
"""How many surnames to keep, the most frequent of 88,799."""


def read_census(archive: Path) -> dict[str, str | list[str]]:
    """Return what is kept of the lists, in lower case: all first names, each once, and the most frequent surnames.

    Args:
        archive: the source of the package ``names``, packed.
    """
    with tarfile.open(archive) as files:
        folder = files.getnames()[0].split("/")[0]

        def read(kind):
            lines = files.extractfile(f"{folder}/names/dist.{kind}").read().decode("ascii").lower().splitlines()
            return [line.split()[0] for line in lines if line]

        first_names = sorted({*read("female.first"), *read("male.first")})
        surnames = read("all.last")[:SURNAMES]
    return {
        "source": "United States census of 1990; in the public domain",
        "first_names": first_names,
        "surnames": surnames,
    }


if __name__ == "__main__":
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(read_census(Path(sys.argv[1])), indent=0) + "\n", "ascii", newline="\n")
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
