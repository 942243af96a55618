"""The engine: what finds rust in arrays and takes it away."""

from __future__ import annotations

import ctypes
import logging
import os
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _abi, _inventory, _options
from ._errors import Error
from ._handle import Handle, freed_on_failure, refuse_pickling
from ._info import CallInfo, Told
from ._inventory import Device, Health, Model, Runtime
from ._library import call, library, text
from ._options import Colour
from ._pixels import Picture, Pixels, Region, gray_input, gray_output, like_output, pointers
from ._removal import Removal
from ._report import Report
from ._segmentation import Analysis, Segmentation
from ._watch import Cancel, Progress

PathLike = Union[str, "os.PathLike[str]"]
#: Told a level of the module `logging` and a message.
Log = Callable[[int, str], Any]

_logger = logging.getLogger("derust")
# A library prints nothing unless its host sets logging up.
_logger.addHandler(logging.NullHandler())
_LEVELS = {_abi.LOG_ERROR: logging.ERROR, _abi.LOG_WARNING: logging.WARNING, _abi.LOG_INFO: logging.INFO}


class Engine:
    """Finds rust in pictures and takes it away.

    One engine serves any number of threads at once; the GIL is released while it works. In the main thread a call takes
    it for a moment at every step to look for Ctrl-C, as every call with ``progress=`` does. The engine belongs to the process that made it: after a fork it raises `Forked`. Usable in a
    ``with`` block, which closes it.

    Pictures are arrays of shape (height, width), (height, width, 1), (height, width, 3) or (height, width, 4) and
    dtype uint8 (0 to 255), uint16 (0 to 65535) or float32 (black 0, white 1; values beyond are kept). Colours are in
    OpenCV's order, blue, green, red (, alpha), unless ``rgb=True``. Arrays whose channels lie together are used where
    they are: with any distance between rows, upside down, and with gaps between columns (``image[::-1, ::2]``).
    Others (planar, mirrored columns, swapped bytes) are copied. The caller's arrays must not change during a call.

    Args:
        models: folder or folders of models, searched first.
        only_these_models: search nothing else, not even the built-in models.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"tensorrt"``; with a number as in ``"cuda:1"``. ``"auto"`` takes
            the first of TensorRT, CUDA and the processor that can run a network; one that is named runs it or is an
            error.
        threads: threads that compute one network; 0: the processors that this process may use.
        sessions: calls that one network serves at once, 0 means 1; further callers wait.
        runtime: path of the ONNX Runtime library; `None`: search. One process can use one only.
        memory_limit: bytes that calls may use beside the caller's arrays; 0: no limit.
        watch: seconds between looks at the model folders for new, changed and gone files, 0.001 to 1000000; `None`:
            never, see `refresh`.
        log: function of a `logging` level and a message; `None`: the logger ``"derust"``. It is called on any thread
            that calls the engine, and on the one that watches the folders.
        half_precision: whether a GPU may compute with the precision of float16, which is faster.
        gpu_memory_limit: bytes of a GPU's memory that each network and session may hold; 0: no limit.
        building: function that is told the name of a network, and `True` when a call begins and `False` when it ends to
            wait for TensorRT to build an engine for it, for up to some minutes; on the thread of that call.

    Raises:
        Error: see its subclasses.
    """

    def __init__(
        self,
        models: Union[PathLike, Sequence[PathLike]] = (),
        *,
        only_these_models: bool = False,
        device: str = "auto",
        threads: int = 0,
        sessions: int = 0,
        runtime: Optional[PathLike] = None,
        memory_limit: int = 0,
        watch: Optional[float] = 2.0,
        log: Optional[Log] = None,
        half_precision: bool = False,
        gpu_memory_limit: int = 0,
        building: Optional[Callable[[str, bool], None]] = None,
    ) -> None:
        if log is not None and not callable(log):
            raise TypeError(f"log must be a function of a level and a message, not {type(log).__name__}")
        folder_texts = _options.strings(models, "a folder of models")
        kind, device_id = _options.device(device)
        lib = library()
        if building is not None and not callable(building):
            raise TypeError(f"building must be a function of a name and a bool, not {type(building).__name__}")
        log_callback = _abi.LogCallback(_log_to(log or _logger.log))
        building_callback = _abi.BuildingCallback(_building_to(building)) if building else _abi.BuildingCallback()
        options = _abi.EngineOptions(
            device=kind,
            device_id=device_id,
            threads=_options.whole(threads, "threads"),
            sessions=_options.whole(sessions, "sessions"),
            model_folder_count=len(folder_texts),
            model_folders=(ctypes.c_char_p * len(folder_texts))(*folder_texts) if folder_texts else None,
            only_these_folders=int(bool(only_these_models)),
            watch_milliseconds=_options.pace(watch),
            runtime_library=_options.string(runtime, "runtime"),
            memory_limit=_options.whole(memory_limit, "memory_limit", 2**64 - 1),
            log=log_callback,
            half_precision=int(bool(half_precision)),
            gpu_memory_limit=_options.whole(gpu_memory_limit, "gpu_memory_limit", 2**64 - 1),
            building=building_callback,
        )
        pointer = ctypes.c_void_p()
        call(lib.derust_engine_create, ctypes.byref(options), ctypes.byref(pointer))
        self._handle = Handle("Engine", pointer, lib.derust_engine_free, keep=(log_callback, building_callback))

    def segment(
        self,
        image: Picture,
        *,
        mask: Union[bool, np.ndarray] = True,
        probability: Union[bool, np.ndarray] = False,
        report: bool = True,
        threshold: Optional[float] = None,
        contours: bool = False,
        model: Optional[str] = None,
        scale: str = "model",
        region: Optional[Region] = None,
        rgb: bool = False,
        linear: bool = False,
        premultiplied: bool = False,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
        judge_anyway: bool = False,
        white: Optional[float] = None,
        icc: Optional[bytes] = None,
        transfer: Optional[str] = None,
        primaries: str = "bt709",
        info: Optional[CallInfo] = None,
    ) -> Segmentation:
        """Finds the rust in a picture.

        Args:
            image: the picture, or a `CameraFrame`; it is only read.
            mask: `True` for a new uint8 array, `False` for none, or a gray array of any of the dtypes to write into.
            probability: the same; a new one is float32.
            report: whether to measure areas and regions.
            threshold: probability from which on a pixel is rust, above 0 and below 1; `None`: the model's own.
            contours: whether every region of the report has its contour.
            model: name of the model; `None`: the one that serves.
            scale: ``"model"``: look at the picture at the size that the model knows; ``"native"``: as it is, in tiles.
            region: (x, y, width, height) in pixels: the part to look at; outputs and regions have its size and origin.
                Or a gray array of the picture's size: pixels that are 0 in it do not count; they are in no number of the
                report and never rust.
            rgb: colours are in the order red, green, blue.
            linear: values are proportional to light instead of sRGB-encoded.
            premultiplied: colours are multiplied by alpha.
            progress: told what part is done, 0 to 1; stops the call by answering `False` or raising an exception,
                which then comes out of the call. It must not call this engine.
            cancel: stops the call from another thread.
            timeout: seconds that the call may take, with what it waits for; a batch as a whole.
            judge_anyway: look at a picture that cannot be judged all the same; what is said of it may mean nothing.
            info: gets what the call says of itself.
            white: the value that is white, such as 4095 for cameras that put 12 bits into 16; `None`: the greatest of the
                dtype, 1 for floats.
            icc: an ICC profile, in place of `transfer` and `primaries`.
            transfer: how values encode light: ``"srgb"``, ``"linear"``, ``"bt709"``, ``"gamma22"``, ``"gamma28"``,
                ``"pq"`` or ``"hlg"``.
            primaries: what red, green and blue are: ``"bt709"`` (sRGB's), ``"p3"`` or ``"bt2020"``.

        Raises:
            UnjudgeableError: the picture is gray or next to black, its numbers are not what they are said to be, or
                nothing in it counts. That is not the same as no rust.
            Cancelled: progress or cancel stopped the call.
            TimedOut: it took longer than `timeout`.
            Error: see its other subclasses.
        """
        layout = _layout(rgb, linear, premultiplied, region, white, icc, transfer, primaries)
        source = Pixels(image, "image", **layout)
        told = Told(info)
        mask_pixels = gray_output(mask, "mask", source.size, np.uint8)
        probability_pixels = gray_output(probability, "probability", source.size, np.float32)
        lib = library()
        found = ctypes.c_void_p()
        with freed_on_failure(lib.derust_report_free, found), self._handle.use() as engine, _options.Control(
            progress, cancel, timeout
        ) as control:
            options = _options.segment(
                control, model=model, scale=scale, threshold_=threshold, contours=contours,
                judge_anyway=judge_anyway, told=told
            )
            call(
                lib.derust_segment,
                engine,
                ctypes.byref(source.image),
                ctypes.byref(options),
                _reference(mask_pixels),
                _reference(probability_pixels),
                ctypes.byref(found) if report else None,
            )
        told.finish()
        return _segmentation(mask_pixels, probability_pixels, Report(found, contours) if report else None)

    def remove(
        self,
        image: Picture,
        mask: Optional[np.ndarray] = None,
        *,
        out: Optional[np.ndarray] = None,
        strength: float = 1.0,
        shape: float = 1.0,
        colour: Optional[Colour] = None,
        colour_from: Optional[Tuple[int, int]] = None,
        mask_mode: str = "limit",
        plain_fill: bool = False,
        model: Optional[str] = None,
        scale: str = "model",
        region: Optional[Region] = None,
        rgb: bool = False,
        linear: bool = False,
        premultiplied: bool = False,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
        judge_anyway: bool = False,
        white: Optional[float] = None,
        icc: Optional[bytes] = None,
        transfer: Optional[str] = None,
        primaries: str = "bt709",
        info: Optional[CallInfo] = None,
    ) -> np.ndarray:
        """Takes the rust out of a picture. Where there is none, pixels stay bit for bit the same.

        Args:
            image: the picture; it is only read, unless it is also `out`.
            mask: gray array (any of the dtypes, or bool) of the size of the picture or its region, white: treat.
            out: array to write into, shape and dtype as the picture; may be the picture itself. A new one if absent.
            strength: 0 (the picture as it was) to 1.
            shape: how much of the fill's edges, relief and shading stays, 0 to 1; at 0 its coarse colours are left.
            colour: what the fill is painted in, with its light and shadow: ``"#rrggbb"``, or red, green and blue, sRGB-encoded,
                from 0 to 1, whatever the picture's own order; `None`: its own colours.
            colour_from: (x, y) in the picture or its region: the colour around that place, in place of `colour`.
            mask_mode: ``"limit"``: the mask limits what the network found; ``"replace"``: it stands in for it.
            plain_fill: leave the fill as the network made it, without texture from clean parts of the picture.
            region: the part to work on, as in `segment`; the rest of the result is the picture's.
            model, scale, rgb, linear, premultiplied, progress, cancel, timeout, judge_anyway, info, white, icc, transfer,
                primaries: see `segment`.

        Returns:
            `out`, or a new array of the picture's shape and dtype; of a `CameraFrame` with three channels, and the size of its
            region.

        Raises:
            UnjudgeableError: the picture cannot be judged, and no mask stands in for what the network finds.
            Cancelled: progress or cancel stopped the call.
            TimedOut: it took longer than `timeout`.
            Error: see its other subclasses.
        """
        layout = _layout(rgb, linear, premultiplied, region, white, icc, transfer, primaries)
        source = Pixels(image, "image", **layout)
        told = Told(info)
        mask_pixels = gray_input(mask, "mask", source.size)
        target = like_output(out, source, **layout)
        with self._handle.use() as engine, _options.Control(progress, cancel, timeout) as control:
            options = _options.remove(
                control,
                model=model,
                scale=scale,
                mask=mask_pixels,
                mask_mode=mask_mode,
                strength=strength,
                shape=shape,
                colour=colour,
                colour_from=colour_from,
                plain_fill=plain_fill,
                judge_anyway=judge_anyway,
                told=told,
            )
            call(
                library().derust_remove,
                engine,
                ctypes.byref(source.image),
                ctypes.byref(options),
                ctypes.byref(target.image),
            )
        target.finish()
        told.finish()
        return target.array

    def segment_batch(
        self,
        images: Sequence[Picture],
        *,
        mask: bool = True,
        probability: bool = False,
        threshold: Optional[float] = None,
        contours: bool = False,
        model: Optional[str] = None,
        scale: str = "model",
        rgb: bool = False,
        linear: bool = False,
        premultiplied: bool = False,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
        judge_anyway: bool = False,
        white: Optional[float] = None,
        icc: Optional[bytes] = None,
        transfer: Optional[str] = None,
        primaries: str = "bt709",
        info: Optional[List[CallInfo]] = None,
    ) -> List[Segmentation]:
        """`segment` for several pictures of any sizes in one call; `info` becomes a list with one entry for each.

        Raises:
            Error: that of the first picture that failed; its ``statuses`` and ``results`` tell of every picture.
        """
        layout = _layout(rgb, linear, premultiplied, None, white, icc, transfer, primaries)
        sources = [Pixels(image, f"images[{i}]", **layout) for i, image in enumerate(images)]
        told = Told(info, len(sources))
        masks = [gray_output(bool(mask), "mask", source.size, np.uint8) for source in sources]
        probabilities = [
            gray_output(bool(probability), "probability", source.size, np.float32) for source in sources
        ]
        count = len(sources)
        lib = library()
        reports = (ctypes.c_void_p * count)()
        statuses = (ctypes.c_int32 * count)(*[-1] * count)

        def results() -> List[Optional[Segmentation]]:
            return [
                _segmentation(masks[i], probabilities[i], Report(ctypes.c_void_p(reports[i]), contours))
                if statuses[i] == _abi.OK and reports[i]
                else None
                for i in range(count)
            ]

        try:
            with self._handle.use() as engine, _options.Control(progress, cancel, timeout) as control:
                options = _options.segment(
                    control, model=model, scale=scale, threshold_=threshold, contours=contours,
                    judge_anyway=judge_anyway, told=told
                )
                call(
                    lib.derust_segment_batch,
                    engine,
                    count,
                    pointers(sources),
                    ctypes.byref(options),
                    pointers(masks),
                    pointers(probabilities),
                    reports,
                    statuses,
                )
        except Error as error:
            told.finish()
            error.statuses, error.results = list(statuses), results()
            raise
        except BaseException:
            for report in reports:
                lib.derust_report_free(report)
            raise
        told.finish()
        return results()  # type: ignore[return-value]  # every picture has its report

    def remove_batch(
        self,
        images: Sequence[Picture],
        *,
        strength: float = 1.0,
        shape: float = 1.0,
        colour: Optional[Colour] = None,
        colour_from: Optional[Tuple[int, int]] = None,
        model: Optional[str] = None,
        scale: str = "model",
        rgb: bool = False,
        linear: bool = False,
        premultiplied: bool = False,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
        judge_anyway: bool = False,
        white: Optional[float] = None,
        icc: Optional[bytes] = None,
        transfer: Optional[str] = None,
        primaries: str = "bt709",
        info: Optional[List[CallInfo]] = None,
    ) -> List[np.ndarray]:
        """`remove` for several pictures of any sizes in one call; `info` becomes a list with one entry for each.

        Raises:
            Error: that of the first picture that failed; its ``statuses`` and ``results`` tell of every picture.
        """
        layout = _layout(rgb, linear, premultiplied, None, white, icc, transfer, primaries)
        sources = [Pixels(image, f"images[{i}]", **layout) for i, image in enumerate(images)]
        told = Told(info, len(sources))
        targets = [like_output(None, source, **layout) for source in sources]
        count = len(sources)
        statuses = (ctypes.c_int32 * count)(*[-1] * count)
        try:
            with self._handle.use() as engine, _options.Control(progress, cancel, timeout) as control:
                options = _options.remove(
                    control,
                    model=model,
                    scale=scale,
                    strength=strength,
                    shape=shape,
                    colour=colour,
                    colour_from=colour_from,
                    judge_anyway=judge_anyway,
                    told=told,
                )
                call(
                    library().derust_remove_batch,
                    engine,
                    count,
                    pointers(sources),
                    ctypes.byref(options),
                    pointers(targets),
                    statuses,
                )
        except Error as error:
            told.finish()
            error.statuses = list(statuses)
            error.results = [t.array if s == _abi.OK else None for t, s in zip(targets, statuses)]
            raise
        told.finish()
        return [target.array for target in targets]

    def analyse(
        self,
        image: Picture,
        *,
        threshold: Optional[float] = None,
        model: Optional[str] = None,
        scale: str = "model",
        region: Optional[Region] = None,
        rgb: bool = False,
        linear: bool = False,
        premultiplied: bool = False,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
        judge_anyway: bool = False,
        white: Optional[float] = None,
        icc: Optional[bytes] = None,
        transfer: Optional[str] = None,
        primaries: str = "bt709",
        info: Optional[CallInfo] = None,
    ) -> Analysis:
        """Looks for rust once, for masks at several thresholds, overlays and reports that cost no inference.

        Arguments and errors as in `segment`.
        """
        layout = _layout(rgb, linear, premultiplied, region, white, icc, transfer, primaries)
        source = Pixels(image, "image", **layout)
        told = Told(info)
        lib = library()
        pointer = ctypes.c_void_p()
        with freed_on_failure(lib.derust_analysis_free, pointer), self._handle.use() as engine, _options.Control(
            progress, cancel, timeout
        ) as control:
            options = _options.segment(
                control, model=model, scale=scale, threshold_=threshold, judge_anyway=judge_anyway, told=told
            )
            call(
                lib.derust_analyse_segment,
                engine,
                ctypes.byref(source.image),
                ctypes.byref(options),
                ctypes.byref(pointer),
            )
        told.finish()
        return Analysis(pointer, image, layout)

    def analyse_removal(
        self,
        image: Picture,
        mask: Optional[np.ndarray] = None,
        *,
        mask_mode: str = "limit",
        plain_fill: bool = False,
        model: Optional[str] = None,
        scale: str = "model",
        region: Optional[Region] = None,
        rgb: bool = False,
        linear: bool = False,
        premultiplied: bool = False,
        progress: Optional[Progress] = None,
        cancel: Optional[Cancel] = None,
        timeout: Optional[float] = None,
        judge_anyway: bool = False,
        white: Optional[float] = None,
        icc: Optional[bytes] = None,
        transfer: Optional[str] = None,
        primaries: str = "bt709",
        info: Optional[CallInfo] = None,
    ) -> Removal:
        """Runs the network once, for results at several strengths that cost no inference.

        Arguments and errors as in `remove`.
        """
        layout = _layout(rgb, linear, premultiplied, region, white, icc, transfer, primaries)
        source = Pixels(image, "image", **layout)
        told = Told(info)
        mask_pixels = gray_input(mask, "mask", source.size)
        lib = library()
        pointer = ctypes.c_void_p()
        with freed_on_failure(lib.derust_analysis_free, pointer), self._handle.use() as engine, _options.Control(
            progress, cancel, timeout
        ) as control:
            options = _options.remove(
                control,
                model=model,
                scale=scale,
                mask=mask_pixels,
                mask_mode=mask_mode,
                plain_fill=plain_fill,
                judge_anyway=judge_anyway,
                told=told,
            )
            call(
                lib.derust_analyse_remove,
                engine,
                ctypes.byref(source.image),
                ctypes.byref(options),
                ctypes.byref(pointer),
            )
        told.finish()
        return Removal(pointer, image, mask_pixels, layout)

    def warm_up(
        self, filter: Optional[str] = None, *, model: Optional[str] = None, timeout: Optional[float] = None
    ) -> None:
        """Gets ready, so that the first call is as quick as those after it: loads ONNX Runtime and the network, runs it once.

        Args:
            filter: ``"segment-rust"`` (for `segment`), ``"derust"`` (for `remove`), or `None` for both.
            model: name of the filter's model; `None`: the one that serves.
            timeout: seconds that it may take.

        Raises:
            TimedOut: it took longer than `timeout`.
            Error: see its other subclasses.
        """
        filters = {word: number for number, word in _abi.FILTERS.items() if number}
        number = 0 if filter is None else _options.choice(filter, "filter", filters)
        limit = 0 if timeout is None else _options.seconds(timeout, "timeout")
        with self._handle.use() as engine:
            call(library().derust_engine_warm_up, engine, number, _options.string(model, "model"), limit)

    def models(self) -> List[Model]:
        """Every model file that was found, and whether it serves."""
        with self._handle.use() as engine:
            return _inventory.models(engine)

    def serving(self) -> List[Model]:
        """The networks in use now, without a look at any file: those that serve, and those that calls have named."""
        with self._handle.use() as engine:
            return _inventory.serving(engine)

    def health(self) -> Health:
        """What has become of the calls. It waits for nothing and looks at no file."""
        with self._handle.use() as engine:
            return _inventory.health(engine)

    def devices(self) -> List[Device]:
        """Every device that is known, and whether it can be used."""
        with self._handle.use() as engine:
            return _inventory.devices(engine)

    def runtime(self) -> Runtime:
        """ONNX Runtime, loaded now if it was not.

        Raises:
            OnnxRuntimeError: there is none, or it cannot be used.
        """
        with self._handle.use() as engine:
            return _inventory.runtime(engine)

    def refresh(self) -> None:
        """Looks at the model folders now, without waiting for the next look (see ``watch``). Calls in flight end on the models that they began with."""
        with self._handle.use() as engine:
            call(library().derust_engine_refresh, engine)

    def close(self) -> None:
        """Frees the engine. Calls in flight end first; results and analyses stay usable."""
        self._handle.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<derust.Engine, closed>" if self._handle.closed else "<derust.Engine>"

    __reduce__ = refuse_pickling


def _layout(
    rgb: bool,
    linear: bool,
    premultiplied: bool,
    region: Optional[Region],
    white: Optional[float],
    icc: Optional[bytes],
    transfer: Optional[str],
    primaries: str,
) -> Dict[str, Any]:
    return {
        "rgb": rgb,
        "linear": linear,
        "premultiplied": premultiplied,
        "region": region,
        "white": white,
        "icc": icc,
        "transfer": transfer,
        "primaries": primaries,
    }


def _reference(pixels: Optional[Pixels]) -> Any:
    return None if pixels is None else ctypes.byref(pixels.image)


def _segmentation(
    mask: Optional[Pixels], probability: Optional[Pixels], report: Optional[Report]
) -> Segmentation:
    arrays: List[Optional[np.ndarray]] = []
    for pixels in (mask, probability):
        if pixels is not None:
            pixels.finish()
        arrays.append(None if pixels is None else pixels.array)
    return Segmentation(arrays[0], arrays[1], report)


def _log_to(log: Log) -> Callable[[Optional[int], int, Optional[bytes]], None]:
    def callback(_: Optional[int], level: int, message: Optional[bytes]) -> None:
        log(_LEVELS.get(level, logging.INFO), text(message))

    return callback


def _building_to(building: Callable[[str, bool], None]) -> Callable[[Optional[int], Optional[bytes], int], None]:
    def callback(_: Optional[int], model: Optional[bytes], begins: int) -> None:
        building(text(model), begins != 0)

    return callback
