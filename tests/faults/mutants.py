"""Count what became of mutmut's mutants, a module at a time: `python -m tests.faults.mutants FOLDER`."""

import json
import sys
from pathlib import Path

from tests.example_settings import ROOT

# of a mutant's tests: all passed, there were none; whatever else happened, the mutant was noticed
SURVIVED = {0, 5, 33}


def main() -> None:
    """Read what `mutmut run` kept below mutants/, and write mutants.json into the folder."""
    found = {}
    for meta in sorted((ROOT / "mutants").rglob("*.meta")):
        codes = [code for code in json.loads(meta.read_text())["exit_code_by_key"].values() if code is not None]
        if codes:
            survived = sum(code in SURVIVED for code in codes)
            name = meta.relative_to(ROOT / "mutants").as_posix().removesuffix(".meta")
            found[name] = {"killed": len(codes) - survived, "survived": survived}
    (Path(sys.argv[1]) / "mutants.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
