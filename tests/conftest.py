"""What every test module shares."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder with the real micrographs, beside the repository; tests without it are skipped."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the real micrographs (../shared/data) are not there")
    return folder
