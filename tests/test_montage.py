"""Windows of real files of every kind that montages come in, against the whole image."""

import hashlib
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import imagecodecs
import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from golddigger_ij.errors import GoldDiggerError
from golddigger_ij.montage import Montage, open_montage, plane_count, refuse_tiny
from golddigger_ij.reading.grey import luma
from golddigger_ij.reading.segment_cache import SegmentCache

SHAPE = (150, 203)


def picture(dtype: Any = np.uint8, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> NDArray[Any]:
    """Noise on a slope, so that no two windows are alike and predictors have something to do."""
    noise = np.random.default_rng(seed).normal(0, 8, shape)
    slope = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) / sum(shape[:2]) * 200 + 25
    image = np.clip(noise + (slope if len(shape) == 2 else slope[..., None]), 0, 255)
    return (image * 257 if dtype == np.uint16 else image).astype(dtype)


def assert_windows(montage: Montage, whole: NDArray[Any], tolerance: float = 0) -> None:
    """Compare the whole, a sweep in rows and windows at random with `whole`."""
    height, width = whole.shape
    assert montage.shape == whole.shape
    assert montage.dtype == whole.dtype
    assert montage.dtype.isnative
    random = np.random.default_rng(1)
    windows = [(0, 0, height, width), (height - 1, width - 1, 1, 1)]
    windows += [(y, 0, min(17, height - y), width) for y in range(0, height, 17)]
    for _ in range(10):
        y0, x0 = random.integers(height), random.integers(width)
        windows.append((y0, x0, random.integers(1, height - y0 + 1), random.integers(1, width - x0 + 1)))
    for y0, x0, tall, wide in windows:
        window = montage.read(y0, x0, tall, wide)
        expected = whole[y0 : y0 + tall, x0 : x0 + wide]
        assert window.dtype == montage.dtype
        assert window.flags.writeable
        np.testing.assert_allclose(window.astype(float), expected.astype(float), rtol=0, atol=tolerance)


LOSSLESS = {
    "one piece": {},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (32, 48)},
    "big-endian": {"byteorder": ">"},
    "big-endian deflated strips": {"byteorder": ">", "rowsperstrip": 16, "compression": "zlib", "predictor": True},
    "BigTIFF": {"bigtiff": True, "tile": (64, 64), "compression": "zlib"},
    "deflated tiles with predictor": {"tile": (32, 32), "compression": "zlib", "predictor": True},
    "LZW in strips": {"rowsperstrip": 10, "compression": "lzw"},
    "LZW in one strip": {"rowsperstrip": SHAPE[0], "compression": "lzw", "predictor": True},
    "Zstandard": {"tile": (48, 32), "compression": "zstd"},
    "LZMA": {"rowsperstrip": 64, "compression": "lzma"},
    "PackBits": {"rowsperstrip": 64, "compression": "packbits"},
}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("layout", LOSSLESS)
def test_windows_of_a_tiff_are_those_of_the_whole_image(tmp_path: Path, layout: str, dtype: type[np.generic]) -> None:
    whole = picture(dtype)
    tifffile.imwrite(tmp_path / "m.tif", whole, photometric="minisblack", **LOSSLESS[layout])
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, whole)
        assert montage.plane is None


def test_jpeg_tiles_share_their_tables(tmp_path: Path) -> None:
    whole = picture()
    tifffile.imwrite(tmp_path / "m.tif", whole, tile=(64, 64), compression="jpeg", compressionargs={"level": 95})
    with open_montage(str(tmp_path / "m.tif")) as montage:
        assert_windows(montage, tifffile.imread(tmp_path / "m.tif"))


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("layout", ["one piece", "strips", "deflated tiles with predictor", "big-endian"])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colour_that_is_grey_keeps_its_values_exactly(
    tmp_path: Path, planar: str, layout: str, alpha: bool, dtype: type[np.generic]
) -> None:
    whole = picture(dtype)
    samples = [whole, whole, whole] + [np.full_like(whole, 3)] * alpha
    data = np.stack(samples, axis=-1 if planar == "contig" else 0)
    extra = {"extrasamples": ["unassalpha"]} if alpha else {}
    tifffile.imwrite(tmp_path / "m.tif", data, photometric="rgb", planarconfig=planar, **extra, **LOSSLESS[layout])
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, whole)


def test_colour_is_weighed_as_the_eye_does(tmp_path: Path) -> None:
    data = picture(np.uint8, (*SHAPE, 3))
    tifffile.imwrite(tmp_path / "m.tif", data, photometric="rgb", tile=(64, 64), compression="lzw")
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, np.rint(data @ [0.299, 0.587, 0.114]).astype(np.uint8), tolerance=1)


@given(st.sampled_from(["u1", "u2", "i1", "i2", "u4", "i4", "i8", "f2", "f4", "f8"]), st.data())
def test_equal_channels_give_their_value_in_every_data_type(code: str, data: st.DataObject) -> None:
    dtype = np.dtype(code)
    if dtype.kind == "f":
        value = data.draw(st.floats(width=dtype.itemsize * 8))  # type: ignore[arg-type]
    else:
        limits = np.iinfo(dtype)
        value = data.draw(st.integers(int(limits.min), int(limits.max)))
    grey = luma(np.full((1, 2, 3), value, dtype))
    assert grey.dtype == dtype
    np.testing.assert_array_equal(grey, np.full((1, 2), value, dtype))


def test_alpha_and_masks_beside_grey_are_left_out(tmp_path: Path) -> None:
    whole = picture()
    data = np.stack([whole, np.full_like(whole, 9), whole // 2], axis=-1)
    tifffile.imwrite(tmp_path / "m.tif", data, photometric="minisblack", extrasamples=["unassalpha", "unspecified"])
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, whole)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "rowsperstrip": 20}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_white_is_zero_is_turned_round(tmp_path: Path, dtype: type[np.generic], options: dict[str, Any]) -> None:
    stored = picture(dtype)
    tifffile.imwrite(tmp_path / "m.tif", stored, photometric="miniswhite", **options)
    shown = -stored if dtype == np.float32 else np.iinfo(dtype).max - stored
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, shown)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_bilevel_is_black_and_white(tmp_path: Path, photometric: str) -> None:
    stored = picture() > 120
    tifffile.imwrite(tmp_path / "m.tif", stored, photometric=photometric, rowsperstrip=32, compression="packbits")
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, np.where(stored == (photometric == "minisblack"), 255, 0).astype(np.uint8))


def test_a_palette_is_looked_up(tmp_path: Path) -> None:
    stored = picture()
    colours = np.repeat((255 - np.arange(256, dtype=np.uint16))[None] * 257, 3, axis=0)
    tifffile.imwrite(tmp_path / "m.tif", stored, photometric="palette", colormap=colours, rowsperstrip=32)
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, 255 - stored)


def test_cmyk_and_complex_are_refused_with_the_remedy(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cmyk.tif", picture(np.uint8, (*SHAPE, 4)), photometric="separated")
    with pytest.raises(GoldDiggerError, match=r"cmyk\.tif: .*CMYK; convert it to greyscale"):
        open_montage(tmp_path / "cmyk.tif")
    tifffile.imwrite(tmp_path / "complex.tif", picture().astype(np.complex64))
    with pytest.raises(GoldDiggerError, match="complex64"):
        open_montage(tmp_path / "complex.tif")


def photoshop(path: Path, whole: NDArray[Any], dpi: int, **options: Any) -> None:
    """Write what Photoshop does: a flattened page with alpha, its resolution, and layers in private tags."""
    layers = b"Adobe Photoshop Document Data Block\0MIB8ryaL" + bytes(400)
    private = [(34377, 7, 12, b"8BIM\x04\x04\0\0\0\0\0\0", True), (37724, 7, len(layers), layers, True)]
    samples = np.stack([whole, whole, whole, np.full_like(whole, 255)], axis=-1)
    tifffile.imwrite(
        path, samples, photometric="rgb", extrasamples=["unassalpha"], resolution=(dpi, dpi), resolutionunit="INCH",
        extratags=private, software="Adobe Photoshop CS6 (Macintosh)", metadata=None, byteorder=">", **options,
    )  # fmt: skip


@pytest.mark.parametrize("dpi", [72, 300])
@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "rowsperstrip": 30, "predictor": True}])
def test_photoshop_files_give_the_flattened_image_and_no_calibration(
    tmp_path: Path, dpi: int, options: dict[str, Any]
) -> None:
    whole = picture()
    photoshop(tmp_path / "m.tif", whole, dpi, **options)
    with open_montage(tmp_path / "m.tif") as montage:
        assert montage.pixel_size is None
        assert plane_count(tmp_path / "m.tif") == 1
        assert_windows(montage, whole)


def test_a_pyramid_is_read_at_full_resolution(tmp_path: Path) -> None:
    whole = picture(np.uint16)
    with tifffile.TiffWriter(tmp_path / "m.ome.tif") as writer:
        options: dict[str, Any] = {"tile": (32, 32), "compression": "zlib", "photometric": "minisblack"}
        writer.write(whole, subifds=2, **options)
        writer.write(whole[::2, ::2], subfiletype=1, **options)
        writer.write(whole[::4, ::4], subfiletype=1, **options)
    with open_montage(tmp_path / "m.ome.tif") as montage:
        assert_windows(montage, whole)


def test_a_thumbnail_before_the_image_is_not_taken_for_it(tmp_path: Path) -> None:
    whole = picture()
    with tifffile.TiffWriter(tmp_path / "m.tif") as writer:
        writer.write(whole[::4, ::4], metadata=None)
        writer.write(whole, metadata=None)
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, whole)


STACKS: dict[str, dict[str, Any]] = {
    "pages": {},
    "compressed": {"compression": "zlib"},
    "ImageJ": {"imagej": True},
    "ImageJ hyperstack": {"imagej": True, "metadata": {"axes": "ZCYX"}},
    "OME": {"ome": True, "metadata": {"axes": "ZCYX"}, "compression": "lzw"},
    "big-endian": {"byteorder": ">"},
    "colour": {"photometric": "rgb"},
}


@pytest.mark.parametrize("kind", STACKS)
def test_each_plane_of_a_stack_can_be_chosen(tmp_path: Path, kind: str) -> None:
    planes = [picture(np.uint8, seed=seed) for seed in range(6)]
    data = np.stack(planes)
    if kind == "colour":
        data = np.repeat(data[..., None], 3, axis=-1)
    elif "metadata" in STACKS[kind]:
        data = data.reshape(3, 2, *SHAPE)
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, data, **({"photometric": "minisblack"} | STACKS[kind]))
    assert plane_count(path) == 6
    with pytest.raises(GoldDiggerError, match=r"m\.tif: is a stack of 6 planes.*--plane N .*--plane all"):
        open_montage(path)
    with pytest.raises(GoldDiggerError, match=r"no plane 7.*1 to 6"):
        open_montage(path, plane=7)
    for number, plane in enumerate(planes, start=1):
        with open_montage(path, plane=number) as montage:
            assert montage.plane == number
            assert_windows(montage, plane)


def test_an_imagej_stack_with_one_page_for_all_planes_is_a_stack(tmp_path: Path) -> None:
    """ImageJ writes stacks beyond 4 GB so: one page, and the planes behind one another."""
    planes = np.stack([picture(np.uint16, seed=seed) for seed in range(3)])
    described = "ImageJ=1.54p\nimages=3\nslices=3\nloop=false\n"
    tifffile.imwrite(tmp_path / "m.tif", planes[0], description=described, metadata=None, byteorder=">")
    with (tmp_path / "m.tif").open("ab") as file:
        file.write(planes[1:].astype(">u2").tobytes())
    assert plane_count(tmp_path / "m.tif") == 3
    for number in (1, 2, 3):
        with open_montage(tmp_path / "m.tif", plane=number) as montage:
            assert_windows(montage, planes[number - 1])


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA"])
def test_png_of_every_mode_is_grey(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(picture()).convert(mode)
    image.save(tmp_path / "m.png")
    with open_montage(tmp_path / "m.png") as montage:
        assert_windows(montage, np.asarray(image.convert("L")), tolerance=0)


def test_16_bit_png_stays_16_bit(tmp_path: Path) -> None:
    whole = picture(np.uint16)
    Image.fromarray(whole).save(tmp_path / "grey.png")
    (tmp_path / "rgb.png").write_bytes(imagecodecs.png_encode(np.stack([whole] * 3, axis=-1)))
    for name in ("grey.png", "rgb.png"):
        with open_montage(tmp_path / name) as montage:
            assert_windows(montage, whole)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("options", [{"dpi": (300, 300)}, {"progressive": True}])
def test_jpeg_is_read_without_a_calibration(tmp_path: Path, mode: str, options: dict[str, Any]) -> None:
    Image.fromarray(picture()).convert(mode).save(tmp_path / "m.jpg", quality=95, **options)
    with open_montage(tmp_path / "m.jpg") as montage:
        assert montage.pixel_size is None
        assert_windows(montage, np.asarray(Image.open(tmp_path / "m.jpg").convert("L")), tolerance=1)


def test_a_cmyk_jpeg_is_refused(tmp_path: Path) -> None:
    Image.fromarray(picture()).convert("CMYK").save(tmp_path / "m.jpg")
    with pytest.raises(GoldDiggerError, match="CMYK"):
        open_montage(tmp_path / "m.jpg")


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.float32, np.float16])
def test_mrc_is_read_in_stored_order(tmp_path: Path, dtype: type[np.generic]) -> None:
    whole = (picture() // 2).astype(dtype)
    with mrcfile.new(tmp_path / "m.mrc") as file:
        file.set_data(whole)
    with open_montage(tmp_path / "m.mrc") as montage:
        assert_windows(montage, whole)


def test_mrc_sections_extended_headers_and_old_files_are_understood(tmp_path: Path) -> None:
    planes = np.stack([picture(np.uint16, seed=seed) for seed in range(3)])
    with mrcfile.new(tmp_path / "m.mrc") as file:
        file.set_data(planes)
        file.set_extended_header(np.zeros(40, "V8"))
    with open_montage(tmp_path / "m.mrc", plane=2) as montage:
        assert_windows(montage, planes[1])
    data = bytearray((tmp_path / "m.mrc").read_bytes())
    data[208:216] = bytes(8)
    (tmp_path / "old.st").write_bytes(data)
    with open_montage(tmp_path / "old.st", plane=3) as montage:
        assert_windows(montage, planes[2])


def test_arrays_of_many_kinds_are_montages(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    whole = picture(np.uint16)
    mapped = np.memmap(tmp_path / "raw", np.uint16, "w+", shape=whole.shape)
    mapped[:] = whole
    chunked = zarr.create_array(store=str(tmp_path / "m.zarr"), shape=whole.shape, chunks=(64, 64), dtype="u2")
    chunked[:] = whole
    for array in (whole, whole.astype(">u2"), mapped, chunked, whole.T.copy().T, whole[None], whole[..., None][..., 0]):
        with open_montage(array) as montage:
            assert montage.path is None
            assert_windows(montage, whole)
    with open_montage(np.stack([whole] * 4, axis=-1)) as montage:
        assert_windows(montage, whole)
    with open_montage(np.stack([whole, whole + 1]), plane=2, nm_per_px=1.5) as montage:
        assert montage.pixel_size is not None
        assert montage.pixel_size.nm == 1.5
        assert_windows(montage, whole + 1)
    with open_montage(whole > 9000) as montage:
        assert_windows(montage, np.where(whole > 9000, 255, 0).astype(np.uint8))


@pytest.mark.parametrize(
    "array", [np.zeros((3, 4), complex), np.zeros(5), np.zeros((0, 5)), "x" * 0 or np.array([["a"]]), [[object()]], 7]
)
def test_arrays_that_are_no_images_are_refused(array: Any) -> None:
    with pytest.raises(GoldDiggerError, match="array"):
        open_montage(array)


def test_nan_stays_nan(tmp_path: Path) -> None:
    whole = picture(np.float32)
    whole[20:40, 30:60] = np.nan
    tifffile.imwrite(tmp_path / "m.tif", whole, tile=(32, 32), compression="zlib", predictor=True)
    with open_montage(tmp_path / "m.tif") as montage:
        assert_windows(montage, whole)


def test_opening_and_reading_a_window_takes_no_memory_for_the_rest(tmp_path: Path) -> None:
    """20,000 x 20,000 px of which four tiles are stored: 400 MB, were it read whole."""
    path, tile = tmp_path / "m.tif", 512
    known = picture(np.uint8, (tile, tile))
    across = -(-20_000 // tile)

    def tiles() -> Any:
        for index in range(across * across):
            yield known if index % 401 == 0 else None

    tifffile.imwrite(path, tiles(), shape=(20_000, 20_000), dtype=np.uint8, tile=(tile, tile), compression="zlib")
    tracemalloc.start()
    with open_montage(path) as montage:
        np.testing.assert_array_equal(montage.read(0, 0, tile, tile), known)
        assert not montage.read(19_000, 100, 1000, 1000).any()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_sweep_in_rows_decodes_each_strip_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from golddigger_ij.reading.tiff import TiffPixels

    whole = picture()
    tifffile.imwrite(tmp_path / "m.tif", whole, rowsperstrip=20, compression="zlib")
    decoded: list[int] = []
    original = TiffPixels._decoded
    monkeypatch.setattr(TiffPixels, "_decoded", lambda self, index: decoded.append(index) or original(self, index))
    with open_montage(tmp_path / "m.tif") as montage:
        for y0 in range(0, SHAPE[0], 10):
            for x0 in range(0, SHAPE[1] - 50, 50):
                montage.read(y0, x0, 10, 50)
    assert sorted(decoded) == list(range(8))


def test_the_cache_forgets_the_oldest_and_keeps_the_one_in_use() -> None:
    cache, decoded = SegmentCache(max_bytes=250), []

    def get(key: int, size: int = 100) -> None:
        cache.get(key, lambda: decoded.append(key) or np.zeros(size, np.uint8))  # type: ignore[func-returns-value]

    for key in (1, 2, 1, 3, 1, 2):
        get(key)
    assert decoded == [1, 2, 3, 2]
    get(9, 1000)
    get(9, 1000)
    assert decoded == [1, 2, 3, 2, 9]


def test_threads_read_the_same_windows_as_one(tmp_path: Path) -> None:
    whole = picture(np.uint16, (400, 400))
    tifffile.imwrite(tmp_path / "m.tif", whole, tile=(32, 32), compression="zlib", predictor=True)
    wrong: list[object] = []
    with open_montage(tmp_path / "m.tif") as montage:

        def work(seed: int) -> None:
            random = np.random.default_rng(seed)
            try:
                for y0, x0 in random.integers(0, 300, (40, 2)):
                    if not np.array_equal(montage.read(y0, x0, 100, 100), whole[y0 : y0 + 100, x0 : x0 + 100]):
                        wrong.append((y0, x0))
            except Exception as error:
                wrong.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_window_of_any_tiling_is_that_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    height, width = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 90))
    whole = picture(data.draw(st.sampled_from([np.uint8, np.uint16, np.float32])), (height, width))
    tile = data.draw(st.none() | st.tuples(st.sampled_from([16, 32, 64]), st.sampled_from([16, 48])))
    layout: dict[str, Any] = {"rowsperstrip": data.draw(st.integers(1, 100))} if tile is None else {"tile": tile}
    path = tmp_path_factory.mktemp("tiling") / "m.tif"
    tifffile.imwrite(path, whole, compression=data.draw(st.sampled_from([None, "zlib", "lzw"])), **layout)
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    tall, wide = data.draw(st.integers(1, height - y0)), data.draw(st.integers(1, width - x0))
    with open_montage(path) as montage:
        np.testing.assert_array_equal(montage.read(y0, x0, tall, wide), whole[y0 : y0 + tall, x0 : x0 + wide])


def test_a_window_outside_is_an_error_of_the_caller() -> None:
    with open_montage(picture()) as montage:
        for window in [(-1, 0, 5, 5), (0, 0, 0, 5), (140, 0, 11, 5), (0, 200, 5, 4)]:
            with pytest.raises(ValueError, match="not inside"):
                montage.read(*window)


def test_a_montage_is_known_by_its_hash(tmp_path: Path) -> None:
    whole = picture(np.uint16)
    tifffile.imwrite(tmp_path / "m.tif", whole)
    with open_montage(tmp_path / "m.tif") as montage:
        assert montage.sha256() == hashlib.sha256((tmp_path / "m.tif").read_bytes()).hexdigest()
    same = {open_montage(array).sha256() for array in (whole, whole.astype(">u2"), whole.T.copy().T)}
    assert len(same) == 1
    assert open_montage(whole.view(np.int16)).sha256() not in same
    assert open_montage(np.ascontiguousarray(whole.reshape(whole.shape[::-1]))).sha256() not in same


def test_a_single_pixel_opens_and_is_refused_as_too_small_to_hold_a_particle(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "m.tif", np.full((1, 1), 7, np.uint8))
    with open_montage(tmp_path / "m.tif") as montage:
        assert montage.read(0, 0, 1, 1).tolist() == [[7]]
        with pytest.raises(GoldDiggerError, match=r"m\.tif: 1 x 1 px is too small to hold a particle"):
            refuse_tiny(montage)
    with open_montage(np.zeros((16, 16))) as montage:
        refuse_tiny(montage)
