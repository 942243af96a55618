"""Arrays of every layout: used where they are, or copied, and always with the same result."""

import tracemalloc

import cv2
import numpy as np
import pytest
from conftest import red_squares

import derust
from derust._pixels import Pixels

DTYPES = {"uint8": 1.0, "uint16": 257.0, "float32": 1 / 255}


def as_dtype(image, dtype):
    return (image * DTYPES[dtype]).astype(dtype)


def holes(image, rows, columns):
    """The same pixels with gaps between rows and columns."""
    room = np.zeros((image.shape[0] * rows, image.shape[1] * columns, *image.shape[2:]), image.dtype)
    view = room[::rows, ::columns]
    view[...] = image
    return view


def upside_down(image):
    return image[::-1].copy()[::-1]


def padded(image):
    room = np.zeros((image.shape[0], image.shape[1] + 5, *image.shape[2:]), image.dtype)
    room[:, 2:-3] = image
    return room[:, 2:-3]


def planar(image):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(image, 2, 0)), 0, 2)


def swapped(image):
    return image.astype(image.dtype.newbyteorder())


def mirrored(image):
    return image[:, ::-1].copy()[:, ::-1]


def transposed(image):
    return np.ascontiguousarray(image.swapaxes(0, 1)).swapaxes(0, 1)


def channels_of_more(image):
    room = np.zeros((*image.shape[:2], image.shape[2] + 2), image.dtype)
    room[..., 1:-1] = image
    return room[..., 1:-1]


BORROWED = {
    "packed": lambda image: image,
    "padded rows": padded,
    "every second row": lambda image: holes(image, 2, 1),
    "every third column": lambda image: holes(image, 1, 3),
    "upside down": upside_down,
    "upside down with gaps": lambda image: holes(image[::-1], 2, 2)[::-1],
    "some channels of more": channels_of_more,
}
COPIED = {"planar": planar, "mirrored": mirrored, "transposed": transposed}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", {**BORROWED, **COPIED})
def test_every_layout_gives_what_the_packed_one_gives(engine, picture, dtype, layout):
    image = as_dtype(picture, dtype)
    view = {**BORROWED, **COPIED}[layout](image)
    assert np.array_equal(view, image)
    expected, found = engine.segment(image, probability=True), engine.segment(view, probability=True)
    assert np.array_equal(found.mask, expected.mask)
    assert np.array_equal(found.probability, expected.probability)
    assert found.mask.any() and not found.mask.all()
    cleaned = engine.remove(view)
    assert np.array_equal(cleaned, engine.remove(image))
    assert cleaned.dtype == image.dtype and not np.array_equal(cleaned, image)
    # As an output.
    target = {**BORROWED, **COPIED}[layout](np.zeros_like(image))
    assert engine.remove(image, out=target) is target
    assert np.array_equal(target, cleaned)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_swapped_bytes(engine, picture, dtype):
    image = as_dtype(picture, dtype)
    assert np.array_equal(engine.segment(swapped(image)).mask, engine.segment(image).mask)
    target = swapped(np.zeros_like(image))
    engine.remove(image, out=target)
    assert np.array_equal(target, engine.remove(image))


@pytest.mark.parametrize("dtype", DTYPES)
def test_depths_agree(engine, picture, dtype):
    expected = engine.segment(picture)
    found = engine.segment(as_dtype(picture, dtype))
    assert np.array_equal(found.mask, expected.mask)
    assert found.report.rust_pixels == expected.report.rust_pixels


@pytest.mark.parametrize("dtype", DTYPES)
def test_masks_of_every_depth_and_layout(engine, picture, dtype):
    expected = engine.segment(picture).mask
    white = {"uint8": 255, "uint16": 65535, "float32": 1.0}[dtype]
    for view in (lambda a: a, padded, upside_down, mirrored, lambda a: holes(a, 2, 2)):
        mask = view(np.full(expected.shape, 77, dtype))
        assert engine.segment(picture, mask=mask).mask is mask
        assert np.array_equal(mask, (expected / 255 * white).astype(dtype))
    column = np.zeros((*expected.shape, 1), dtype)
    engine.segment(picture, mask=column, probability=column.copy())
    assert np.array_equal(column[..., 0] > 0, expected > 0)


def test_colour_orders(engine, picture):
    expected = engine.segment(picture).mask
    rgb = np.ascontiguousarray(picture[..., ::-1])
    assert np.array_equal(engine.segment(rgb, rgb=True).mask, expected)
    assert not np.array_equal(engine.segment(rgb).mask, expected)
    assert np.array_equal(engine.remove(rgb, rgb=True)[..., ::-1], engine.remove(picture))


def test_alpha_is_kept(engine, picture):
    alpha = np.arange(picture[..., 0].size, dtype=np.uint32).astype(np.uint8).reshape(picture.shape[:2])
    image = np.dstack([picture, np.maximum(alpha, 1)])
    assert np.array_equal(engine.segment(image).mask, engine.segment(picture).mask)
    assert np.array_equal(engine.segment(image[..., [2, 1, 0, 3]], rgb=True).mask, engine.segment(picture).mask)
    cleaned = engine.remove(image)
    assert np.array_equal(cleaned[..., 3], image[..., 3])
    assert np.array_equal(cleaned[..., :3], engine.remove(picture))


def test_linear_light_is_read_as_such(engine, picture):
    encoded = as_dtype(picture, "float32")
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)
    expected = engine.segment(encoded, probability=True).probability
    assert np.allclose(engine.segment(linear, linear=True, probability=True).probability, expected, atol=1e-3)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32])
def test_what_does_not_count_is_nowhere(engine, picture, kind):
    counts = np.zeros(picture.shape[:2], kind)
    counts[:, 50:] = 1
    found = engine.segment(picture, region=counts)
    everything = engine.segment(picture)
    inside = counts > 0
    assert found.report.pixels == inside.sum()
    assert np.array_equal(found.mask > 0, (everything.mask > 0) & inside)
    cleaned, out = engine.remove(picture, region=counts), picture.copy()
    assert np.array_equal(cleaned[~inside], picture[~inside]) and not np.array_equal(cleaned, picture)
    assert np.array_equal(engine.remove(out, region=counts, out=out), cleaned)
    with engine.analyse(picture, region=counts) as analysis:
        assert np.array_equal(analysis.mask(), found.mask) and analysis.report().pixels == inside.sum()
    with engine.analyse_removal(picture, region=counts) as removal:
        assert np.array_equal(removal.compose(), cleaned)
    with pytest.raises(derust.FormatError, match="region has 3 x 2 pixels; 200 x 150 are needed"):
        engine.segment(picture, region=np.ones((2, 3), kind))
    with pytest.raises(derust.UnjudgeableError, match="outside of the region"):
        engine.segment(picture, region=np.zeros_like(counts))


def test_the_value_that_is_white(engine, picture):
    expected = engine.segment(picture)
    twelve = picture.astype(np.uint16) * 16
    with pytest.raises(derust.UnjudgeableError, match="cameras with 12 bits do"):
        engine.segment(twelve)
    assert np.array_equal(engine.segment(twelve, white=4095).mask, expected.mask)
    cleaned = engine.remove(twelve, white=4080)
    assert np.abs(cleaned.astype(int) - engine.remove(picture).astype(int) * 16).max() <= 16
    floats = picture.astype(np.float32)
    with pytest.raises(derust.UnjudgeableError, match="beyond black and white"):
        engine.segment(floats)
    assert np.array_equal(engine.segment(floats, white=255).mask, expected.mask)
    for white, kind in ((0, derust.ArgumentError), (-1, derust.ArgumentError), ("much", TypeError)):
        with pytest.raises(kind, match="white"):
            engine.segment(picture, white=white)


def test_what_values_mean(engine, picture):
    def most(**meaning):
        return engine.segment(picture // 2, probability=True, **meaning).probability.max()

    assert most(transfer="gamma28") < most() < most(transfer="bt709") < most(transfer="linear") == most(linear=True)
    assert most(primaries="p3") > most() + 0.01
    for wrong, text in (
        ({"transfer": "gamma"}, "transfer is 'gamma'; possible are 'srgb', 'linear'"),
        ({"primaries": "all"}, "primaries is 'all'; possible are 'bt709', 'p3', 'bt2020'"),
        ({"transfer": "pq", "linear": True}, "linear is set and transfer is 'pq'"),
        ({"icc": b""}, "icc is empty"),
    ):
        with pytest.raises(derust.ArgumentError, match=text):
            most(**wrong)
    with pytest.raises(derust.ImageError, match="image.icc_profile: the colour profile is broken"):
        most(icc=b"no profile")
    with pytest.raises(derust.ArgumentError, match="the profile says both"):
        most(icc=b"no profile", transfer="linear")
    with pytest.raises(TypeError, match="icc must be the bytes of a profile, not str"):
        most(icc="sRGB.icc")


CAMERAS = {
    "i420": cv2.COLOR_YUV2BGR_I420,
    "nv12": cv2.COLOR_YUV2BGR_NV12,
    "nv21": cv2.COLOR_YUV2BGR_NV21,
    "yuyv": cv2.COLOR_YUV2BGR_YUYV,
    "uyvy": cv2.COLOR_YUV2BGR_UYVY,
    "bayer_rggb": cv2.COLOR_BayerBG2BGR,
    "bayer_bggr": cv2.COLOR_BayerRG2BGR,
    "bayer_grbg": cv2.COLOR_BayerGB2BGR,
    "bayer_gbrg": cv2.COLOR_BayerGR2BGR,
}


def frame_of(format, dtype="uint8", height=48, width=64):
    """Any values are a frame."""
    shape = {"y": (height, width, 2), "u": (height, width, 2), "b": (height, width)}.get(format[0], (height * 3 // 2, width))
    values = np.random.default_rng(7).integers(40, 215, shape).astype(dtype)
    if format[0] == "b":
        values = cv2.GaussianBlur(values * (257 if dtype == "uint16" else 1), (9, 9), 2)
    return values


@pytest.mark.parametrize("format", CAMERAS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_frames_of_cameras_are_what_opencv_makes_of_them(engine, format, dtype):
    if dtype == "uint16" and format[0] != "b":
        with pytest.raises(derust.ImageError, match=f"a frame of {format} has dtype uint8, not uint16"):
            derust.CameraFrame(frame_of(format, dtype), format)
        return
    array = frame_of(format, dtype)
    expected = cv2.cvtColor(array, CAMERAS[format])
    frame = derust.CameraFrame(array, format)
    assert frame.shape == expected.shape[:2]
    developed = engine.remove(frame, strength=0, judge_anyway=True)
    assert developed.dtype == expected.dtype
    # OpenCV copies the border of a mosaic from its neighbours.
    assert np.abs(developed.astype(int) - expected)[2:-2, 2:-2].max() <= 2
    assert np.array_equal(engine.remove(frame, strength=0, judge_anyway=True, rgb=True), developed[..., ::-1])
    found = engine.segment(frame, probability=True, judge_anyway=True)
    assert np.abs(found.probability - engine.segment(developed, probability=True, judge_anyway=True).probability).max() < 1e-6
    region = (13, 7, 31, 21)
    assert np.array_equal(engine.remove(frame, strength=0, judge_anyway=True, region=region), developed[7:28, 13:44])
    with engine.analyse_removal(frame, judge_anyway=True) as removal:
        assert np.array_equal(removal.compose(0), developed)
    room = np.zeros((array.shape[0], array.shape[1] + 8) + array.shape[2:], array.dtype)
    room[:, : array.shape[1]] = array
    again = derust.CameraFrame(room[:, : array.shape[1]], format)
    assert np.array_equal(engine.remove(again, strength=0, judge_anyway=True), developed)


def test_what_a_frame_says_of_itself_counts(engine):
    array = frame_of("nv12")

    def developed(**said):
        return engine.remove(derust.CameraFrame(array, "nv12", **said), strength=0, judge_anyway=True)

    assert not np.array_equal(developed(), developed(matrix="bt709"))
    y = array[:48].astype(float)
    luma = developed(matrix="bt709", full_range=True).astype(float) @ (0.0722, 0.7152, 0.2126)
    inside = (developed(matrix="bt709", full_range=True) % 255 != 0).all(axis=2)
    assert np.abs(luma - y)[inside].max() < 1
    for arguments, text in (
        ({"format": "nv13"}, "format is 'nv13'; possible are 'nv12', 'nv21', 'i420'"),
        ({"format": "nv12", "matrix": "bt470"}, "matrix is 'bt470'; possible are 'bt601'"),
    ):
        with pytest.raises(derust.ArgumentError, match=text):
            derust.CameraFrame(array, **arguments)
    with pytest.raises(derust.ImageError, match="height \\* 3 / 2, width"):
        derust.CameraFrame(array[:-1], "nv12")
    with pytest.raises(TypeError, match="a frame must be a numpy.ndarray, not NoneType"):
        derust.CameraFrame(None, "nv12")
    with pytest.raises(derust.FormatError, match="for this frame it must be"):
        engine.remove(derust.CameraFrame(array, "nv12"), out=np.zeros((3, 3, 3), np.uint8), judge_anyway=True)


def test_a_fill_is_painted(engine, picture):
    plain = engine.remove(picture, plain_fill=True)
    blue = engine.remove(picture, plain_fill=True, colour="#1a33cc")
    inside = blue[25:28, 45:70].reshape(-1, 3).mean(axis=0)
    assert inside[0] > 120 and inside[2] < 80 and not np.array_equal(blue, plain)
    assert np.array_equal(engine.remove(picture, plain_fill=True, colour=(26 / 255, 51 / 255, 204 / 255)), blue)
    assert np.array_equal(blue[:15], picture[:15])
    with engine.analyse_removal(picture, plain_fill=True) as removal:
        assert np.array_equal(removal.compose(), plain)
        assert np.array_equal(removal.compose(colour="#1A33CC"), blue)
        gray = removal.compose(colour_from=(5, 5))
        assert np.array_equal(gray, engine.remove_batch([picture], colour_from=(5, 5))[0])
        assert np.ptp(gray[25, 35].astype(int)) < 12
        for wrong, text in (
            ({"colour": "red"}, "colour must be '#rrggbb'"),
            ({"colour": (1, 2)}, "colour must be '#rrggbb'"),
            ({"colour": (0, 0, 2)}, "options.colour has 2 in it"),
            ({"colour": "#000000", "colour_from": (1, 1)}, "colour and colour_from are both set"),
            ({"colour_from": (1,)}, "colour_from must be"),
            ({"colour_from": (999, 1)}, "lies outside of the 200 x 150 pixels"),
            ({"shape": 2}, "options.shape is 2"),
        ):
            with pytest.raises(derust.ArgumentError, match=text):
                removal.compose(**wrong)


@pytest.mark.parametrize("shape", [(40, 30), (40, 30, 1)])
def test_gray_has_no_red(engine, shape):
    image = np.full(shape, 200, np.uint8)
    assert engine.segment(image, judge_anyway=True).fraction == 0
    cleaned = engine.remove(image, judge_anyway=True)
    assert np.array_equal(cleaned, image) and cleaned.shape == shape


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 90, 3), (90, 1, 3), (2, 3, 3)])
def test_smallest_pictures(engine, shape):
    image = np.zeros(shape, np.uint8)
    image[..., 2] = 255
    for view in (image, image[::-1], image[:, ::-1]):
        assert engine.segment(view).fraction == 1
        assert not engine.remove(view).any()


@pytest.mark.parametrize("layout", BORROWED)
def test_the_library_is_told_the_arrays_own_memory(picture, layout):
    view = BORROWED[layout](picture)
    image = Pixels(view, "image").image
    first = view.__array_interface__["data"][0]
    assert image.data + image.offset == first
    low, high = np.lib.array_utils.byte_bounds(view)
    assert (image.data, image.data + image.data_size) == (low, high)
    last = image.data + image.offset + (image.height - 1) * image.row_stride + (image.width - 1) * image.pixel_stride
    assert last == view[-1, -1].__array_interface__["data"][0]


def test_the_library_reads_and_writes_in_place(engine, monkeypatch):
    """What the real call is given, address by address."""
    from derust import _library

    seen = []
    real = _library.library().derust_remove

    class Spy:
        def __getattr__(self, name):
            return getattr(_library.library(), name)

        def derust_remove(self, engine, image, options, output, error):
            seen.append((image._obj.data + image._obj.offset, output._obj.data + output._obj.offset))
            return real(engine, image, options, output, error)

    import derust._engine

    monkeypatch.setattr(derust._engine, "library", Spy)
    image, out = red_squares()[::-1, ::2], red_squares()[::-1, ::2]
    engine.remove(image, out=out)
    assert seen == [(image.__array_interface__["data"][0], out.__array_interface__["data"][0])]


def peak_of_numpy(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("layout", {**BORROWED, **COPIED})
def test_no_array_is_allocated_unless_it_has_to_be(engine, layout):
    """NumPy reports its allocations to tracemalloc: a copy of the picture cannot hide."""
    image = {**BORROWED, **COPIED}[layout](red_squares(600, 800))
    mask = np.empty(image.shape[:2], np.uint8)
    out = np.empty(image.shape, np.uint8)
    engine.segment(image, mask=mask)
    peaks = [
        peak_of_numpy(lambda: engine.segment(image, mask=mask)),
        peak_of_numpy(lambda: engine.remove(image, out=out)),
    ]
    if layout in BORROWED:
        assert max(peaks) < image.nbytes / 20
    else:
        assert min(peaks) >= image.nbytes


@pytest.mark.parametrize("layout", {**BORROWED, **COPIED})
def test_in_place(engine, picture, layout):
    expected = engine.remove(picture)
    image = {**BORROWED, **COPIED}[layout](picture.copy())
    assert engine.remove(image, out=image) is image
    assert np.array_equal(image, expected)


def test_views_without_gaps_leave_the_gaps_alone(engine, picture):
    room = np.full((picture.shape[0] * 2, picture.shape[1] * 2, 3), 7, np.uint8)
    view = room[::2, ::2]
    engine.remove(picture, out=view)
    assert np.array_equal(view, engine.remove(picture))
    assert (room[1::2] == 7).all() and (room[:, 1::2] == 7).all()


def test_read_only_arrays_are_inputs(engine, picture):
    picture.flags.writeable = False
    assert engine.segment(picture).fraction > 0
    assert np.array_equal(engine.remove(picture), engine.remove(picture.copy()))
    with pytest.raises(derust.ImageError, match="out is read-only; an output needs an array that can be written"):
        engine.remove(picture, out=picture)
    rows = np.broadcast_to(picture[25:26], picture.shape)
    assert np.array_equal(engine.segment(rows).mask, engine.segment(rows.copy()).mask)


def test_floats_beyond_white_and_nan(engine, picture):
    image = as_dtype(picture, "float32")
    image[0, 0], image[0, 1], image[0, 2] = 7.5, np.nan, -np.inf
    cleaned = engine.remove(image)
    assert np.array_equal(cleaned[0, :3], image[0, :3], equal_nan=True)
