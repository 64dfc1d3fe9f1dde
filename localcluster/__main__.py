"""`python -m localcluster build | path | run`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from localcluster import binaries, supervisor
from localcluster.errors import LocalClusterError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code. Anticipated errors are one message, no traceback."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "build":
            print(binaries.find_or_build(_say).directory)
        elif options.command == "path":
            print(binaries.require().directory)
        else:
            supervisor.run(
                options.directory,
                manifests=options.manifests,
                authentication=options.authentication,
                with_identity_provider=options.with_identity_provider,
                users=options.users,
                say=_say,
            )
    except LocalClusterError as error:
        print(f"localcluster: {error}", file=sys.stderr)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the binaries if they are not there; prints their directory")
    commands.add_parser("path", help="print the directory of the binaries; fails if they are not built")
    run = commands.add_parser("run", help="run a control plane in the foreground until SIGTERM or SIGINT")
    run.add_argument("--directory", type=Path, required=True, help="keys, data and logs; kept between runs")
    run.add_argument("--manifests", type=Path, required=True, help="YAML that is applied to the cluster")
    run.add_argument("--authentication", type=Path, required=True, help="AuthenticationConfiguration")
    run.add_argument("--with-identity-provider", action="store_true", help="run the OIDC provider as well")
    run.add_argument(
        "--users",
        type=Path,
        metavar="FILE",
        help="end when nobody holds a shared lock on FILE any more, instead of when the parent dies",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
