"""`python -m localcluster.identity_provider --directory D`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from localcluster.errors import LocalClusterError
from localcluster.identity_provider.app import serve
from localcluster.identity_provider.process import check_ports
from localcluster.layout import load


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the provider of a prepared directory; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m localcluster.identity_provider")
    parser.add_argument("--directory", type=Path, required=True, help="the directory of the local cluster")
    options = parser.parse_args(arguments)
    try:
        layout = load(options.directory)
        check_ports(layout)
        serve(layout)
    except LocalClusterError as error:
        print(f"identity provider: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
