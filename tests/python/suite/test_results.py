"""What is found and what is changed."""

import copy
import pickle
import re
import time

import cv2
import numpy as np
import pytest
from conftest import MODELS, SAMPLES, red_squares

import derust


def test_areas_regions_and_grades(engine, picture):
    found = engine.segment(picture)
    area = 40 * 50 - 20 * 20 + 10 * 20
    report = found.report
    assert (report.pixels, report.rust_pixels, report.region_count) == (200 * 150, area, 2)
    assert found.fraction == pytest.approx(area / (200 * 150))
    assert (found.iso_4628_3, found.astm_d610) == (4, 4)
    assert report.threshold == pytest.approx(0.5)
    large, small = found.regions
    assert (large.x, large.y, large.width, large.height, large.area) == (30, 20, 50, 40, 1600)
    assert (small.x, small.y, small.width, small.height, small.area) == (150, 100, 20, 10, 200)
    assert 0.5 < large.mean_probability <= 1
    assert large.contour is None
    assert np.array_equal(found.mask > 0, (picture == (0, 0, 255)).all(axis=2))
    assert set(np.unique(found.mask)) == {0, 255}
    assert found.probability is None


def test_outputs_are_made_on_request_only(engine, picture):
    found = engine.segment(picture, mask=False, probability=True, report=False)
    assert found.mask is None and found.report is None
    assert found.probability.dtype == np.float32 and found.probability.shape == picture.shape[:2]
    assert found.probability[40, 35] > 0.9 and found.probability[0, 0] < 0.1
    with pytest.raises(derust.ArgumentError, match="report=False"):
        found.fraction
    nothing = engine.segment(picture, mask=False)
    assert nothing.mask is None and nothing.fraction > 0


def test_contours_are_those_of_opencv(shipped, sample):
    found = shipped.segment(sample, contours=True)
    outlines, _ = cv2.findContours(found.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    inner, hierarchy = cv2.findContours(found.mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outer = [contour for contour, links in zip(inner, hierarchy[0]) if links[3] < 0]
    assert len(found.regions) == len(outer) > 10

    def border(contour):
        return frozenset(map(tuple, np.asarray(contour).reshape(-1, 2).tolist()))

    assert {border(region.contour) for region in found.regions} == {border(contour) for contour in outer}
    for region in found.regions:
        assert region.contour.dtype == np.int32 and region.contour.shape[1:] == (1, 2)
        assert cv2.boundingRect(region.contour) == (region.x, region.y, region.width, region.height)
        # Neighbours touch, the last one the first one too.
        steps = np.abs(np.diff(region.contour[:, 0], axis=0, append=region.contour[:1, 0]))
        assert steps.max(initial=0) <= 1
        # Clockwise as seen: y grows downwards, so the signed area is not negative.
        assert cv2.contourArea(region.contour, oriented=True) >= 0
    drawn = np.zeros_like(found.mask)
    cv2.drawContours(drawn, [region.contour for region in found.regions], -1, 255, cv2.FILLED)
    assert (drawn[found.mask > 0] == 255).all()


def test_regions_are_the_connected_components_of_opencv(shipped, sample):
    found = shipped.segment(sample, probability=True)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found.mask, connectivity=8)
    assert found.report.region_count == count - 1
    boxes = sorted((r.x, r.y, r.width, r.height, r.area) for r in found.regions)
    assert boxes == sorted(map(tuple, stats[1:].tolist()))
    areas = [region.area for region in found.regions]
    assert areas == sorted(areas, reverse=True) and sum(areas) == found.report.rust_pixels
    largest = found.regions[0]
    label = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    assert largest.mean_probability == pytest.approx(found.probability[labels == label].mean(), abs=1e-3)


def test_the_shipped_models_know_the_sample(shipped, sample):
    truth = cv2.imread(str(SAMPLES / "rusty-panel-mask.png"), cv2.IMREAD_GRAYSCALE) > 127
    found = shipped.segment(sample).mask > 0
    assert (truth & found).sum() / (truth | found).sum() > 0.5
    cleaned = shipped.remove(sample)
    assert not np.array_equal(cleaned, sample)
    # Clean metal stays bit for bit the same.
    assert (cleaned == sample).all(axis=2).mean() > 0.3
    assert shipped.segment(cleaned).fraction < shipped.segment(sample).fraction / 2


def test_thresholds(engine):
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 2] = np.arange(64) * 4
    few, many = (engine.segment(image, threshold=threshold) for threshold in (0.8, 0.2))
    assert few.report.threshold == pytest.approx(0.8)
    assert few.fraction == pytest.approx(0.2, abs=0.03) and many.fraction == pytest.approx(0.8, abs=0.03)


    with engine.analyse(image, threshold=0.2) as analysis:
        assert np.array_equal(analysis.mask(), many.mask) and np.array_equal(analysis.mask(0.8), few.mask)
        assert (analysis.report().fraction, analysis.report(0.8).fraction) == (many.fraction, few.fraction)
        assert not np.array_equal(analysis.overlay(), analysis.overlay(threshold=0.8))


def test_removal_by_hand(engine, picture):
    cleaned = engine.remove(picture)
    rust = (picture == (0, 0, 255)).all(axis=2)
    assert (cleaned[rust] == 0).all()  # fill = (green, green, blue) = 0
    assert np.array_equal(cleaned[~rust], picture[~rust])
    half = engine.remove(picture, strength=0.5)
    assert np.abs(half[rust].astype(int) - (0, 0, 128)).max() <= 1
    assert np.array_equal(engine.remove(picture, strength=0), picture)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint16, np.float32])
def test_masks_limit_or_replace(engine, picture, kind):
    white = {bool: True, np.uint8: 255, np.uint16: 65535, np.float32: 1.0}[kind]
    left = np.zeros(picture.shape[:2], kind)
    left[:, :100] = white
    cleaned = engine.remove(picture, left)
    assert np.array_equal(cleaned[:, 110:], picture[:, 110:])
    assert np.array_equal(cleaned[:, :90], engine.remove(picture)[:, :90])
    gray = np.full((64, 64, 3), (10, 20, 200), np.uint8)
    everywhere = np.full((64, 64), white, kind)
    replaced = engine.remove(gray, everywhere, mask_mode="replace")
    assert np.abs(replaced.astype(int) - (10, 20, 20)).max() <= 1


def test_plain_fills_have_no_texture(engine):
    textured = np.random.default_rng(1).integers(90, 160, (160, 160), np.uint8)
    rusty = cv2.cvtColor(textured, cv2.COLOR_GRAY2BGR)
    rusty[60:100, 60:100] = (10, 20, 200)
    inside = np.s_[70:90, 70:90]
    spread = engine.remove(rusty)[inside].std(axis=(0, 1)).max()
    plain = engine.remove(rusty, plain_fill=True)
    assert plain[inside].std(axis=(0, 1)).max() < 1 and spread > 5
    assert np.array_equal(engine.analyse_removal(rusty, plain_fill=True).compose(), plain)


def test_regions_of_interest(engine, picture):
    box = (100, 90, 80, 40)
    found = engine.segment(picture, region=box)
    assert found.mask.shape == (40, 80) and found.report.pixels == 3200
    (region,) = found.regions
    assert (region.x, region.y, region.width, region.height) == (50, 10, 20, 10)
    cleaned = engine.remove(picture, region=box)
    assert np.array_equal(cleaned[:90], picture[:90]) and not cleaned[100:110, 150:170].any()
    out = np.zeros_like(picture)
    engine.remove(picture, region=box, out=out)
    assert np.array_equal(out, cleaned)
    engine.remove(picture, region=box, out=picture)
    assert np.array_equal(picture, cleaned)


def test_scales(shipped, sample):
    model, native = (shipped.segment(sample, scale=scale) for scale in ("model", "native"))
    assert not np.array_equal(model.mask, native.mask)
    assert abs(model.fraction - native.fraction) < 0.2


def test_an_analysis_answers_as_the_calls_do(engine, picture):
    found = engine.segment(picture, probability=True, contours=True)
    with engine.analyse(picture) as analysis:
        assert np.array_equal(analysis.mask(), found.mask)
        assert np.array_equal(analysis.probability(), found.probability)
        report = analysis.report(contours=True)
        assert (report.fraction, report.regions) == (found.fraction, found.regions)
        assert np.array_equal(report.regions[0].contour, found.regions[0].contour)
        overlay = analysis.overlay()
        rust = found.mask > 0
        assert (overlay[rust] != picture[rust]).any(axis=1).all()
        assert (overlay[~rust] == picture[~rust]).mean() > 0.95
        target = np.zeros(picture.shape[:2], np.uint16)
        assert analysis.mask(out=target) is target and target.max() == 65535
        kept = picture.copy()
        assert analysis.overlay(out=picture) is picture
        assert np.array_equal(picture, overlay)
        assert np.array_equal(analysis.mask(image=kept), found.mask)
        assert np.array_equal(analysis.overlay(kept), overlay)
    with pytest.raises(derust.ArgumentError, match="this derust.Analysis is closed"):
        analysis.mask()


def test_a_removal_composes_without_the_network(engine, picture):
    with derust.Engine(MODELS, only_these_models=True, threads=1) as other:
        removal = other.analyse_removal(picture)
    # Its engine is gone: there is nothing left that could run a network.
    for strength in (0, 0.25, 1):
        assert np.array_equal(removal.compose(strength), engine.remove(picture, strength=strength))
    mask = np.zeros(picture.shape[:2], np.uint8)
    assert np.array_equal(removal.compose(mask=mask), picture)
    expected = removal.compose()
    assert removal.compose(out=picture) is picture
    assert np.array_equal(picture, expected)
    masked = engine.analyse_removal(red_squares(), mask)
    assert np.array_equal(masked.compose(), red_squares())


def test_batches(engine):
    images = [red_squares(), red_squares()[:70], np.full((40, 30, 3), (200, 0, 0), np.uint8)]
    found = engine.segment_batch(images, probability=True, contours=True)
    for image, one in zip(images, found):
        alone = engine.segment(image, probability=True)
        assert np.array_equal(one.mask, alone.mask) and np.array_equal(one.probability, alone.probability)
        assert one.regions == alone.regions
        assert all(region.contour is not None for region in one.regions)
    for image, cleaned in zip(images, engine.remove_batch(images)):
        assert np.array_equal(cleaned, engine.remove(image))
    assert engine.segment_batch([]) == [] and engine.remove_batch([]) == []


GRAY, BLACK = np.full((40, 30, 3), 120, np.uint8), np.zeros((40, 30), np.uint8)


@pytest.mark.parametrize(("image", "reason"), [(GRAY, "it is gray"), (BLACK, "next to nothing above black")])
def test_what_cannot_be_judged_is_not_called_free_of_rust(engine, image, reason):
    for call in (engine.segment, engine.remove, engine.analyse, engine.analyse_removal):
        with pytest.raises(derust.UnjudgeableError, match=f"the picture cannot be judged, because .*{reason}"):
            call(image)
    assert engine.segment(image, judge_anyway=True).fraction == 0
    assert np.array_equal(engine.remove(image, judge_anyway=True), image)
    with engine.analyse(image, judge_anyway=True) as analysis:
        assert analysis.report().rust_pixels == 0
    with engine.analyse_removal(image, judge_anyway=True) as removal:
        assert np.array_equal(removal.compose(), image)
    everywhere = np.ones((40, 30), bool)
    engine.remove(image, everywhere, mask_mode="replace")
    for call in (engine.segment_batch, engine.remove_batch):
        with pytest.raises(derust.UnjudgeableError, match=re.escape("images[1]")) as caught:
            call([red_squares(), image])
        assert caught.value.statuses == [0, 13] and caught.value.results[0] is not None
        assert len(call([red_squares(), image], judge_anyway=True)) == 2


def test_a_dark_picture_is_warned_of(engine, picture):
    dark = picture // 5
    assert engine.segment(dark).report.caution == "dark" and engine.segment(picture).report.caution is None
    with engine.analyse(dark) as analysis:
        assert analysis.report().caution == "dark"
    for call in (engine.segment, engine.remove, engine.analyse, engine.analyse_removal):
        info = derust.CallInfo()
        call(dark, info=info)
        assert info.caution == "dark"
        call(picture, info=info)
        assert info.caution is None
    for call in (engine.segment_batch, engine.remove_batch):
        infos = []
        call([picture, dark], info=infos)
        assert [info.caution for info in infos] == [None, "dark"]
        with pytest.raises(TypeError, match="info must be a list, not CallInfo"):
            call([picture], info=derust.CallInfo())
    with pytest.raises(TypeError, match="info must be a derust.CallInfo, not list"):
        engine.segment(picture, info=[])


def test_a_call_says_what_its_time_went_into(engine, picture):
    engine.remove(picture)
    for call in (engine.segment, engine.remove, engine.analyse, engine.analyse_removal):
        info = derust.CallInfo()
        begin = time.perf_counter()
        call(picture, info=info)
        parts = [info.wait, info.reduce, info.network, info.compose]
        assert info.wait == 0 and min(parts[1:]) > 0 and sum(parts) <= time.perf_counter() - begin


def test_reports_travel_to_other_processes(engine, picture):
    found = engine.segment(picture, contours=True)
    again = pickle.loads(pickle.dumps(found))
    assert again.regions == found.regions and again.fraction == found.fraction
    assert np.array_equal(again.mask, found.mask)
    assert np.array_equal(again.regions[1].contour, found.regions[1].contour)
    assert "fraction=" in repr(again.report)
    assert copy.copy(found.report).regions == found.regions


def test_a_report_outlives_its_engine(picture):
    with derust.Engine(MODELS, only_these_models=True, threads=1) as engine:
        found = engine.segment(picture, contours=True)
    assert len(found.regions) == 2 and len(found.regions[1].contour) == 2 * (20 + 10) - 4


def test_models_devices_and_runtime(engine, shipped):
    names = {(model.name, model.filter, model.serves) for model in engine.models()}
    assert names == {("red-is-rust", "segment-rust", True), ("red-to-gray", "derust", True)}
    model = engine.models()[0]
    assert (model.version, model.reason) == ("1.0.0", "") and model.origin.startswith(str(MODELS))
    assert {model.filter for model in shipped.models() if model.serves} == {"derust", "segment-rust"}
    (cpu,) = [device for device in shipped.devices() if device.kind == "cpu"]
    assert cpu.usable and cpu.in_use and cpu.reason == "" and cpu.name == ""
    for device in shipped.devices():
        assert device.usable or device.reason
    runtime = shipped.runtime()
    assert int(runtime.version.split(".")[1]) >= 24 and "onnxruntime" in runtime.path


def test_an_engine_warms_up():
    with derust.Engine(MODELS, only_these_models=True, threads=1) as cold:

        def ran():
            return {model.filter for model in cold.models() if model.placement}

        assert ran() == set()
        cold.warm_up("segment-rust", model="red-is-rust", timeout=600)
        assert ran() == {"segment-rust"}
        cold.warm_up()
        assert ran() == {"segment-rust", "derust"}
        with pytest.raises(derust.ModelError, match="nobody"):
            cold.warm_up("derust", model="nobody")
        with pytest.raises(derust.ArgumentError, match="filter is 'rust'; possible are"):
            cold.warm_up("rust")
        with pytest.raises(derust.ArgumentError, match="say which filter's model"):
            cold.warm_up(model="red-is-rust")


def test_where_a_model_runs(picture):
    with derust.Engine(MODELS, only_these_models=True, threads=1) as engine:
        found = {model.name: model for model in engine.models()}
        assert {model.placement for model in found.values()} == {""}
        before = found["red-is-rust"].device
        engine.segment(picture)
        found = {model.name: model for model in engine.models()}
        used = found["red-is-rust"]
        assert used.device == before and used.placement.startswith(f"{used.device}: ") and used.tried
        assert "; asked for automatic" in used.placement
        assert found["red-to-gray"].placement == ""
        kind = used.device.partition(":")[0]
        assert [device.kind for device in engine.devices() if device.in_use] == [kind]
    with derust.Engine(MODELS, only_these_models=True, device="cpu", half_precision=True) as engine:
        engine.segment(picture)
        (used,) = [model for model in engine.models() if model.placement]
        assert used.device == "cpu" and used.placement.endswith("; asked for cpu")


def test_models_by_name_and_new_files(tmp_path, picture):
    (tmp_path / "one.onnx").write_bytes((MODELS / "red-is-rust.onnx").read_bytes())
    with derust.Engine(str(tmp_path), only_these_models=True, watch=None) as engine:
        assert engine.segment(picture, model="red-is-rust").fraction > 0
        with pytest.raises(derust.ModelError):
            engine.remove(picture)
        (tmp_path / "two.onnx").write_bytes((MODELS / "red-to-gray.onnx").read_bytes())
        engine.refresh()
        assert not engine.remove(picture)[25, 35].any()


def test_new_files_are_noticed(tmp_path, picture):
    with derust.Engine(tmp_path, only_these_models=True, watch=0.05) as engine:
        with pytest.raises(derust.ModelError):
            engine.remove(picture)
        (tmp_path / "two.onnx").write_bytes((MODELS / "red-to-gray.onnx").read_bytes())
        limit = time.monotonic() + 60
        while not any(model.serves for model in engine.models()):
            assert time.monotonic() < limit
            time.sleep(0.02)
        assert not engine.remove(picture)[25, 35].any()
