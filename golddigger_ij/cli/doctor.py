"""`golddigger-ij doctor`: what works on this machine, with advice for what does not."""

from typing import Annotated

import typer

_STATES = {True: "works", None: "note", False: "FAILS"}


def doctor(
    fiji: Annotated[
        str | None, typer.Option(metavar="PATH", help="Look at this Fiji as well.", show_default=False)
    ] = None,
) -> int:
    """Check Python, PyTorch, the models, Java, ImageJ and Fiji, with advice for what does not work.

    The exit status is 1 when something fails.
    """
    from golddigger_ij.doctor import report

    checks = report(fiji)
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{_STATES[check.ok]:<6} {check.name:<{width}}  {check.text}")
        if check.advice:
            print(f"{'':<6} {'':<{width}}  -> {check.advice}")
    failed = [check.name for check in checks if check.ok is False]
    print(f"\n{len(failed)} of {len(checks)} fail: {', '.join(failed)}" if failed else "\neverything works")
    return 1 if failed else 0
