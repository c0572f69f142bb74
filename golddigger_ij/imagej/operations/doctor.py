"""Check the set-up."""

from typing import Any

from golddigger_ij.imagej.call import Call


def doctor(_call: Call) -> dict[str, Any]:
    """Say what works and what does not, with advice."""
    from golddigger_ij.doctor import report

    rows = report(inside_imagej=True)
    # What is None works, too, and has advice.
    failed = [name for name, passed, _, _ in rows if passed is False]
    return {
        "name": [name for name, _, _, _ in rows],
        "passed": [passed is not False for _, passed, _, _ in rows],
        "text": [text for _, _, text, _ in rows],
        "advice": [advice for _, _, _, advice in rows],
        "failed": len(failed),
        "message": f"{len(failed)} of {len(rows)} checks failed: {', '.join(failed)}" if failed else "all is well",
    }
