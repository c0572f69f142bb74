"""How much memory and time `golddigger-ij detect` takes for montages of growing size and of every kind of TIFF.

    python benchmarks/memory.py            up to 27,000 × 16,000 pixels
    python benchmarks/memory.py --quick    up to 8000 × 6000 pixels

Memory is anonymous plus shared memory that is resident (RssAnon + RssShmem of /proc/PID/status), of the process and
its children together, looked at every 20 ms; what the kernel maps of a file and can drop at any time does not count.
Linux only. Exit status 1 if the peak reaches 1.5 GB, or if a megapixel of the largest montage takes 1.3 times as long
as one of the smallest or more.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from made_images import montage_file

GIGABYTE = 1e9
LARGEST_PEAK = 1.5 * GIGABYTE
LARGEST_GROWTH = 1.3
INTERVAL_S = 0.02
COMMAND = "from golddigger_ij.cli import main; main()"


@dataclass(frozen=True)
class Usage:
    """What one run took: bytes, seconds in all with the start of Python, and what it found."""

    peak: int
    seconds: float
    particles: int


def resident(pid: int) -> int:
    """Anonymous and shared resident memory of a process and all its children, in bytes; 0 once it has ended."""
    total = 0
    # A process may end between being listed and being looked at.
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(resident(int(child)) for child in (task / "children").read_text().split())
    return total


def measure(image: Path, model: str) -> Usage:
    """Run the command on an image, and watch it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", COMMAND, "detect", str(image), "-o", folder, "--model", model]
        started = time.perf_counter()
        process = subprocess.Popen([*command, "--progress", "none"], stdout=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(INTERVAL_S)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise SystemExit(f"golddigger-ij failed with status {process.returncode} on {image}")
        record = json.loads(next(Path(folder).glob("*_run.json")).read_text(encoding="utf-8"))
    return Usage(peak, seconds, record["counts"]["total"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="montages up to 8000 × 6000 pixels")
    parser.add_argument("--model", default="gold")
    options = parser.parse_args()
    growing = [(2000, 1500), (4000, 3000)] if options.quick else [(8000, 6000), (16_000, 9000)]
    width, height = (8000, 6000) if options.quick else (27_000, 16_000)
    layouts = ("striped", "tiled", "striped-lzw", "tiled-deflate")
    cases = [*((w, h, "striped") for w, h in growing), *((width, height, layout) for layout in layouts)]

    # The first start reads Python's and torch's files from the disk; the quickest of three is the one to take off.
    smallest = montage_file(256, 256, field_count=1)
    start = min((measure(smallest, options.model) for _ in range(3)), key=lambda usage: usage.seconds)
    print(f"start-up (256 x 256 px): {start.seconds:.1f} s, {start.peak / GIGABYTE:.2f} GB", flush=True)
    print(f"{'pixels':>15} {'layout':<14} {'particles':>9} {'peak GB':>8} {'seconds':>8} {'s/MP':>7}")
    worst, pace = 0, {}
    for w, h, layout in cases:
        usage = measure(montage_file(h, w, layout, field_count=1 if options.quick else 4), options.model)
        megapixels = w * h / 1e6
        # The start of Python and torch is the same for all of them.
        each = (usage.seconds - start.seconds) / megapixels
        pace[w, h, layout] = each
        worst = max(worst, usage.peak)
        print(
            f"{f'{w} x {h}':>15} {layout:<14} {usage.particles:>9} {usage.peak / GIGABYTE:>8.2f} {usage.seconds:>8.1f}"
            f" {each:>7.3f}",
            flush=True,
        )
    growth = pace[width, height, "striped"] / pace[*growing[0], "striped"]
    print(f"peak {worst / GIGABYTE:.2f} GB; a megapixel of the largest takes {growth:.2f} times one of the smallest")
    if worst >= LARGEST_PEAK or growth >= LARGEST_GROWTH:
        print("too much memory, or time that grows faster than the montage", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
