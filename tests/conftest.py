"""What every test module shares."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from golddigger_ij.detect import Detection
    from golddigger_ij.models import Model
    from golddigger_ij.synthetic import Micrograph


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder with the real micrographs, beside the repository; tests without it are skipped."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the real micrographs (../shared/data) are not there")
    return folder


@pytest.fixture(scope="session")
def model() -> "Model":
    """The bundled default model."""
    from golddigger_ij.models import load_model

    return load_model()


@pytest.fixture(scope="session")
def section() -> "Micrograph":
    """A small resin section with gold of 7 and 14 nm, some of it touching, at 1.1 nm per pixel."""
    from golddigger_ij.synthetic import Scene, micrograph

    return micrograph(420, 560, Scene("resin", 1.1, (7.0, 14.0), (120.0, 80.0), debris_per_um2=0, noise=0.03), 1)


@pytest.fixture(scope="session")
def section_file(section: "Micrograph", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The section as a TIFF with its pixel size; not to be changed."""
    import tifffile

    path = tmp_path_factory.mktemp("section") / "section.tif"
    per_cm = 1e7 / section.nm_per_px
    tifffile.imwrite(path, section.image, resolution=(per_cm, per_cm), resolutionunit="CENTIMETER")
    return path


@pytest.fixture(scope="session")
def detection(section_file: Path, model: "Model") -> "Detection":
    """What is found in the section with default settings."""
    from golddigger_ij.config import DetectionConfig
    from golddigger_ij.detect import detect
    from golddigger_ij.montage import open_montage

    with open_montage(section_file) as montage:
        return detect(montage, model, DetectionConfig())
