"""`python -m busjax.pretrained FILE --release NAME` shows which tensor goes where, and figures to compare by."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from busjax.pretrained.errors import PretrainedError

PROGRAM = "python -m busjax.pretrained"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Returns:
      The exit status: 0, or 2 after a `PretrainedError`: then one line on standard error, and the particulars, where
      there are any, on standard output.
    """
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Shows how a file of released weights is loaded.")
    parser.add_argument("file", metavar="FILE", nargs="?", help="Keras's .h5, PyTorch's .pth, or .safetensors")
    parser.add_argument("--release", metavar="NAME", help="what the file is, such as keras/mobilenet_0.75")
    parser.add_argument("--fetch", metavar="DIR", help="in place of FILE: fetch the release's own into this folder")
    parser.add_argument("--list", action="store_true", help="list the releases")
    options = parser.parse_args(arguments)
    if not options.list and (options.release is None or (options.file is None) == (options.fetch is None)):
        parser.error("needed: FILE --release NAME, or --fetch DIR --release NAME, or --list")

    # Loading JAX takes seconds; a mistyped option need not wait for it.
    from busjax.pretrained import report
    from busjax.pretrained.download import fetch
    from busjax.pretrained.table import RELEASES, find_release

    try:
        if options.list:
            print(report.list_releases(RELEASES.values()))
            return 0
        release = find_release(options.release)
        path = Path(options.file) if options.fetch is None else fetch(release, options.fetch)
        for line in report.describe(release, path):
            print(line)
    except PretrainedError as error:
        line, _, particulars = str(error).partition("\n")
        if particulars:
            print(particulars)
        print(f"error: {line}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
