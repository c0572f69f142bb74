"""How fast a montage is done, from TIFF to files, against the original's network in the same minutes.

    python benchmarks/speed.py            64 megapixels
    python benchmarks/speed.py --quick    16 megapixels, under a minute; a rough look on a busy machine

The montage is synthetic replica at 0.56 nm per pixel with gold in every tile, so that nothing can be skipped. The
yardstick is the U-Net-256 of Gold Digger (54 million parameters, RGB, batch 1, plain torch) on tiles of 256 × 256 px
without overlap: its forward pass alone, without the reading, tiling, stitching and writing that the original does too.
The two take turns; the best time of each counts.
"""

import argparse
import contextlib
import io
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from made_images import NM_PER_PX, montage_file

LEAST_RATIO, LEAST_QUICK_RATIO = 15.0, 7.0
TILE = 256
COMMAND = "from golddigger_ij.cli import main; main()"


def original_network() -> Callable[[], float]:
    """Make the original's generator; what is returned runs it on one tile and gives the seconds."""
    import torch

    from golddigger_ij.networks.generator import UNet256Generator

    torch.manual_seed(0)
    network = UNet256Generator(base_width=64, channels=3).eval()
    tile = torch.rand(1, 3, TILE, TILE) * 2 - 1

    def one_tile() -> float:
        started = time.perf_counter()
        with torch.no_grad():
            network(tile)
        return time.perf_counter() - started

    return one_tile


def detect_in_process(image: Path, folder: Path, model_name: str) -> tuple[float, float, Path]:
    """Load the model and detect one montage; give the seconds of each, and the record."""
    from golddigger_ij.cli.detect import detect_one
    from golddigger_ij.config import DetectionConfig
    from golddigger_ij.models import load_model

    started = time.perf_counter()
    model = load_model(model_name)
    model.generator()
    loaded = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        files = detect_one(image, folder, model, DetectionConfig(model=model_name), progress_kind="none")
    return loaded - started, time.perf_counter() - loaded, files[-1]


def detect_as_command(image: Path, folder: Path, model_name: str) -> float:
    """Run the command line in a process of its own, with the start of Python and all imports; give the seconds."""
    command = [sys.executable, "-c", COMMAND, "detect", str(image), "-o", str(folder), "--model", model_name]
    started = time.perf_counter()
    subprocess.run([*command, "--progress", "none"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="16 megapixels and few repetitions")
    parser.add_argument("--model", default="gold")
    parser.add_argument("--repeats", type=int, default=None, help="turns of each [default: 5, quick: 3]")
    parser.add_argument("--tiles", type=int, default=None, help="original's tiles a turn [default: 20, quick: 8]")
    parser.add_argument("--threads", type=int, default=None, help="threads of torch for both [default: torch's own]")
    options = parser.parse_args()
    side = 4000 if options.quick else 8000
    repeats = options.repeats or (3 if options.quick else 5)
    tiles = options.tiles or (8 if options.quick else 20)

    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    image = montage_file(side, side, field_count=1 if options.quick else 4)
    megapixels = side * side / 1e6
    print(f"{image.name}: {megapixels:.0f} megapixels at {NM_PER_PX} nm per pixel; {torch.get_num_threads()} threads")

    one_tile = original_network()
    tile_seconds, loading, detecting, paired = [], [], [], []
    parts: dict[str, float] = {}
    one_tile()
    with tempfile.TemporaryDirectory() as temporary:
        for turn in range(repeats):
            before = [one_tile() for _ in range(tiles)]
            load, seconds, record = detect_in_process(image, Path(temporary), options.model)
            tile_seconds += before
            loading.append(load)
            paired.append(min(before) / TILE**2 * 1e6 / (seconds / megapixels))
            if seconds <= min(detecting, default=math.inf):
                run = json.loads(record.read_text(encoding="utf-8"))
                parts = {**run["seconds"], "files": seconds - sum(run["seconds"].values())}
                particles = run["counts"]["total"]
            detecting.append(seconds)
            print(f"  turn {turn + 1}: original {min(before):.3f} s a tile, golddigger-ij {seconds:.2f} s", flush=True)
        whole = detect_as_command(image, Path(temporary), options.model)

    original = min(tile_seconds) / TILE**2 * 1e6
    ours = min(detecting) / megapixels
    print(f"original U-Net-256     {original:8.3f} s/MP   (forward pass alone; {min(tile_seconds):.3f} s a tile)")
    print(f"golddigger-ij          {ours:8.3f} s/MP   (TIFF to files; {particles} particles)")
    for name, seconds in parts.items():
        print(f"  {name:<20} {seconds / megapixels:8.4f} s/MP   {seconds / min(detecting):6.1%}")
    print(f"model loading          {min(loading):8.3f} s, once")
    print(f"whole command          {whole:8.2f} s = {whole / megapixels:.3f} s/MP, with the start of Python and torch")
    print(f"ratio                  {original / ours:8.1f}   (median of the turns {statistics.median(paired):.1f})")
    print(f"ratio, whole command   {original / (whole / megapixels):8.1f}")
    least = LEAST_QUICK_RATIO if options.quick else LEAST_RATIO
    if original / ours < least:
        print(f"too slow: less than {least:.0f} times faster than the original", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
