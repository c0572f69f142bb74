"""Where the scripts for Fiji lie."""

from pathlib import Path

from golddigger_ij.errors import GoldDiggerError


def fiji_scripts_folder() -> Path:
    """Folder with the scripts that Fiji sees.

    A wheel carries them inside the package; in an editable install they are the `fiji_scripts` folder of the
    checkout.

    Returns
    -------
    Path
        The folder that holds `macros/` and, where there are menu commands, `Plugins/`.

    Raises
    ------
    GoldDiggerError
        If the installation has lost them.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_fiji_scripts", package.parent / "fiji_scripts"):
        if (folder / "macros").is_dir():
            return folder
    raise GoldDiggerError(f"{package}: the scripts for Fiji are missing; install golddigger-ij again")
