"""What the bridge to ImageJ costs: the start, a detection from the menu against the engine alone, 50,000 ROIs.

    python benchmarks/fiji.py            on the display, or on one of its own where Xvfb is installed
    python benchmarks/fiji.py --quick    two turns of each, and goals half as much again: a rough look on a busy machine

The image is synthetic replica of 2048 × 2115 pixels in a TIFF file. Detection from the menu is
`run("Detect Gold Particles...", "...")` in ImageJ with its window, up to the particles in the ROI Manager, the overlay
and their table; the engine alone is `golddigger_ij.detect.detect` on the same file in the same process. The two take
turns, and the turn with the least difference counts; of the rest the best. ImageJ's libraries are fetched before
anything is measured.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from made_images import montage_file

HEIGHT, WIDTH = 2115, 2048
MOST_START_S, MOST_OVERHEAD_S, MOST_ROIS_S = 6.0, 1.0, 3.0
QUICK_SLACK = 1.5
ROIS = 50_000


def with_display() -> int:
    """Run this script again below Xvfb, which gives it a display."""
    return subprocess.run(["xvfb-run", "-a", sys.executable, *sys.argv], check=False).returncode


def timed(work: Callable[[], object]) -> float:
    """Give the seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def start(home: Path) -> float:
    """Start Python and ImageJ with its window in a process of their own; give the seconds until the window is there."""
    code = (
        "import sys; from golddigger_ij.imagej.jvm import start_imagej; "
        "start_imagej(mode='gui', java_options=sys.argv[1:]); print('up', flush=True); import os; os._exit(0)"
    )
    command = [sys.executable, "-c", code, *java_options(home)]
    return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def java_options(home: Path) -> list[str]:
    """Keep the user's preferences out of it."""
    return [f"-Duser.home={home}", f"-Djava.util.prefs.userRoot={home}", "-Xmx2g"]


def table_of_many(folder: Path) -> Path:
    """Write a CSV of particles all over the image, and give it."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, WIDTH - 1, ROIS), rng.uniform(0, HEIGHT - 1, ROIS)
    area = np.pi / 4 * rng.choice([11.0, 21.0], ROIS) ** 2
    path = folder / "many.csv"
    np.savetxt(path, np.column_stack([x, y, area]), fmt="%.3f", delimiter=",", header="x,y,area", comments="")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two turns of each")
    options = parser.parse_args()
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        if shutil.which("xvfb-run") is None:
            print("there is no display, and no Xvfb that could give one; nothing was measured")
            return 0
        return with_display()
    turns = 2 if options.quick else 5
    image = montage_file(HEIGHT, WIDTH, field_count=2)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        os.environ["GOLDDIGGER_IJ_HOME"] = temporary
        start(home)
        starts = [start(home) for _ in range(turns)]
        overheads, engine, menu, rois, found = measure(image, home, turns)
    overhead = min(a - b for a, b in zip(menu, engine, strict=True))
    print(f"Python, JVM and ImageJ's window  {min(starts):6.2f} s   (goal: {MOST_START_S:g})")
    print(f"engine alone, {WIDTH} x {HEIGHT}        {min(engine):6.2f} s   ({found} particles)")
    print(
        f"Detect Gold Particles...         {min(menu):6.2f} s   (the first one, with all that is loaded: {menu[0]:.2f})"
    )
    print(f"the bridge's share               {overhead:6.2f} s   (goal: {MOST_OVERHEAD_S:g}; turns: {overheads})")
    print(f"{ROIS:,} ROIs, file to window      {min(rois):6.2f} s   (goal: {MOST_ROIS_S:g})")
    slack = QUICK_SLACK if options.quick else 1.0
    measured = ((min(starts), MOST_START_S), (overhead, MOST_OVERHEAD_S), (min(rois), MOST_ROIS_S))
    failed = any(seconds > most * slack for seconds, most in measured)
    # The JVM has threads of its own that would wait for a user.
    sys.stdout.flush()
    os._exit(int(failed))


def measure(image: Path, home: Path, turns: int) -> tuple[str, list[float], list[float], list[float], int]:
    """Take turns with the engine alone and the menu command; then show many particles."""
    from golddigger_ij.detect import detect
    from golddigger_ij.imagej.jvm import start_imagej
    from golddigger_ij.models import load_model
    from golddigger_ij.montage import open_montage

    start_imagej(mode="gui", java_options=java_options(home))
    from jpype import JClass

    ij = JClass("ij.IJ")
    ij.openImage(str(image)).show()
    model, engine, menu, found = load_model(), [], [], []
    for _ in range(turns + 1):
        menu.append(timed(lambda: ij.run("Detect Gold Particles...", "gd_threshold=0.5")))
        with open_montage(image) as montage:
            engine.append(timed(lambda montage=montage: found.append(len(detect(montage, model).particles))))
    many = table_of_many(home)
    shown = [
        timed(lambda: ij.run("Open Gold Results...", f"gd_path=[{many}] gd_image=[{image.name}]")) for _ in range(turns)
    ]
    count = JClass("ij.plugin.frame.RoiManager").getInstance().getCount()
    if count != ROIS:
        raise SystemExit(f"the ROI Manager holds {count} ROIs, not {ROIS}")
    differences = ", ".join(f"{a - b:.2f}" for a, b in zip(menu, engine, strict=True))
    return differences, engine, menu, shown, found[0]


if __name__ == "__main__":
    sys.exit(main())
