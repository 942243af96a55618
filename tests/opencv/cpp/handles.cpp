// Owners, threads, callbacks, failures.

#include "checks.hpp"

#include <derust_opencv.hpp>

#include <opencv2/core.hpp>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>
#include <type_traits>

static_assert(!std::is_copy_constructible_v<derust::engine> && std::is_nothrow_move_constructible_v<derust::engine>);
static_assert(!std::is_copy_constructible_v<derust::analysis> && std::is_nothrow_move_constructible_v<derust::analysis>);
static_assert(!std::is_copy_constructible_v<derust::report> && std::is_nothrow_move_constructible_v<derust::report>);
static_assert(!std::is_copy_constructible_v<derust::cancel> && std::is_nothrow_move_constructible_v<derust::cancel>);
static_assert(std::is_convertible_v<derust::image, derust::const_image>);
static_assert(!std::is_convertible_v<derust::const_image, derust::image>);
static_assert(derust::bytes_per_pixel(derust::format::gray_u8) == 1 && derust::bytes_per_pixel(derust::format::bgr_u16) == 6);
static_assert(derust::bytes_per_pixel(derust::format::bgra_f32) == 16 && derust::bytes_per_pixel(derust::format(99)) == 0);

static cv::Mat noise(int seed, cv::Size size = {97, 61}) {
    cv::RNG random(static_cast<uint64_t>(seed) + 1);
    cv::Mat mat(size, CV_8UC3);
    random.fill(mat, cv::RNG::UNIFORM, 0, 256);
    return mat;
}

static bool same(const cv::Mat &a, const cv::Mat &b) {
    return a.size() == b.size() && a.type() == b.type() && std::memcmp(a.data, b.data, a.total() * a.elemSize()) == 0;
}

CASE(what_was_moved_from_says_so_and_can_be_given_a_new_value) {
    derust::engine_options options;
    options.model_folders = {model_folder()};
    options.only_these_folders = true;
    derust::engine first(options);
    const cv::Mat picture = noise(1);
    derust::engine second = std::move(first);
    CHECK(derust::opencv::segment(second, picture).summary().pixels == picture.total());
    FAILS(DERUST_ERROR_ARGUMENT, ({"engine", "NULL"}), derust::opencv::segment(first, picture));
    FAILS(DERUST_ERROR_ARGUMENT, ({"engine"}), first.models());
    FAILS(DERUST_ERROR_ARGUMENT, ({"engine"}), first.refresh());
    first = std::move(second);
    CHECK(derust::opencv::segment(first, picture).summary().pixels == picture.total());

    auto analysis = derust::opencv::analyse_segment(first, picture);
    const auto moved = std::move(analysis);
    FAILS(DERUST_ERROR_ARGUMENT, ({"analysis"}), derust::opencv::report_of(analysis, picture));
    auto report = derust::opencv::report_of(moved, picture);
    const auto kept = std::move(report);
    FAILS(DERUST_ERROR_ARGUMENT, ({"report"}), report.summary());
    CHECK(kept.summary().pixels == picture.total());
}

CASE(eight_threads_get_what_one_gets) {
    constexpr int THREADS = 8, ROUNDS = 5;
    std::vector<cv::Mat> masks(THREADS), results(THREADS);
    for (int i = 0; i < THREADS; ++i) {
        derust::opencv::segment(engine(), noise(i), masks[i]);
        derust::opencv::remove(engine(), noise(i), results[i]);
    }
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < THREADS; ++i) {
        threads.emplace_back([&, i] {
            for (int round = 0; round < ROUNDS; ++round) {
                try {
                    cv::Mat mask, result;
                    derust::opencv::segment(engine(), noise(i), mask);
                    derust::opencv::remove(engine(), noise(i), result);
                    if (!same(mask, masks[i]) || !same(result, results[i])) ++wrong;
                } catch (const std::exception &) {
                    ++wrong;
                }
            }
        });
    }
    for (auto &thread : threads) thread.join();
    CHECK_EQUAL(wrong.load(), 0);
}

struct own_exception {
    int number;
};

CASE(an_exception_in_a_callback_comes_out_of_the_call) {
    const cv::Mat picture = noise(3);
    cv::Mat mask, result;
    const auto comes_out = [&](auto &&call) {
        try {
            call([](float) -> bool { throw own_exception{42}; });
        } catch (const own_exception &exception) {
            CHECK_EQUAL(exception.number, 42);
            return;
        }
        CHECK(!"the exception was lost");
    };
    comes_out([&](derust::progress progress) {
        derust::segment_options options;
        options.progress = progress;
        derust::opencv::segment(engine(), picture, mask, cv::noArray(), options);
    });
    comes_out([&](derust::progress progress) {
        derust::remove_options options;
        options.progress = progress;
        derust::opencv::remove(engine(), picture, result, cv::noArray(), options);
    });
    comes_out([&](derust::progress progress) {
        derust::segment_options options;
        options.progress = progress;
        derust::opencv::analyse_segment(engine(), picture, options);
    });
    comes_out([&](derust::progress progress) {
        derust::remove_options options;
        options.progress = progress;
        engine().remove_batch({{derust::opencv::view(picture), derust::opencv::target(result)}}, options);
    });
    // The engine serves as before.
    CHECK(derust::opencv::segment(engine(), picture).summary().pixels == picture.total());
}

CASE(a_callback_is_told_how_far_and_stops_the_call) {
    const cv::Mat picture = noise(4);
    cv::Mat result = picture.clone();
    std::vector<float> told;
    derust::remove_options options;
    options.progress = [&](float done) {
        told.push_back(done);
        return true;
    };
    derust::opencv::remove(engine(), picture, result, cv::noArray(), options);
    CHECK(!told.empty());
    for (std::size_t i = 0; i < told.size(); ++i) {
        CHECK(told[i] >= 0 && told[i] <= 1);
        if (i > 0) CHECK(told[i] >= told[i - 1]);
    }
    CHECK_EQUAL(told.back(), 1.0f);
    options.progress = [](float) { return false; };
    FAILS(DERUST_ERROR_CANCELLED, (std::initializer_list<std::string>{}),
          derust::opencv::remove(engine(), picture, result, cv::noArray(), options));
}

CASE(a_cancel_handle_stops_calls_until_it_is_reset) {
    const cv::Mat picture = noise(5);
    const derust::cancel cancel;
    derust::segment_options options;
    options.cancel = &cancel;
    cancel.request();
    FAILS(DERUST_ERROR_CANCELLED, (std::initializer_list<std::string>{}),
          derust::opencv::segment(engine(), picture, cv::noArray(), cv::noArray(), options));
    cancel.reset();
    CHECK(derust::opencv::segment(engine(), picture, cv::noArray(), cv::noArray(), options).summary().pixels == picture.total());
}

CASE(a_call_that_takes_too_long_says_so) {
    const cv::Mat picture = noise(6);
    cv::Mat result;
    const auto dawdle = [](float) {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        return true;
    };
    derust::segment_options segment;
    derust::remove_options remove;
    derust::compose_options compose;
    const auto analysis = derust::opencv::analyse_segment(engine(), picture);
    segment.progress = remove.progress = compose.progress = dawdle;
    segment.timeout_ms = remove.timeout_ms = compose.timeout_ms = 10;
    compose.output = derust::output::overlay;
    FAILS(DERUST_ERROR_TIMEOUT, ({"time"}), derust::opencv::segment(engine(), picture, cv::noArray(), cv::noArray(), segment));
    FAILS(DERUST_ERROR_TIMEOUT, ({"time"}), derust::opencv::remove(engine(), picture, result, cv::noArray(), remove));
    FAILS(DERUST_ERROR_TIMEOUT, ({"time"}), derust::opencv::compose(analysis, picture, result, compose));
    segment.timeout_ms = 600000;
    CHECK(derust::opencv::segment(engine(), picture, cv::noArray(), cv::noArray(), segment).summary().pixels == picture.total());
}

CASE(a_callback_that_uses_the_engine_is_told_not_to) {
    const cv::Mat picture = noise(6);
    derust::segment_options options;
    options.progress = [&](float) {
        derust::opencv::segment(engine(), picture);
        return true;
    };
    FAILS(DERUST_ERROR_REENTERED, (std::initializer_list<std::string>{}),
          derust::opencv::segment(engine(), picture, cv::noArray(), cv::noArray(), options));
}

CASE(the_log_is_heard_and_may_throw) {
    std::atomic<int> heard{0};
    derust::engine_options options;
    options.model_folders = {model_folder()};
    options.only_these_folders = true;
    options.watch_milliseconds = 1;
    options.log = [&](derust::log_level, std::string_view text) {
        if (!text.empty()) ++heard;
        throw own_exception{1};
    };
    const cv::Mat picture = noise(8);
    derust::engine own(options);
    CHECK(derust::opencv::segment(own, picture).summary().pixels == picture.total());
    CHECK(heard > 0);
    // The log of the engine that goes is not called any more once it is gone.
    options.log = nullptr;
    own = derust::engine(options);
    const int before = heard;
    CHECK(derust::opencv::segment(own, picture).summary().pixels == picture.total());
    own.refresh();
    CHECK_EQUAL(heard.load(), before);
}

CASE(failures_can_be_looked_at_instead_of_caught) {
    const cv::Mat picture = noise(7);
    const auto found = derust::attempt([&] { return derust::opencv::segment(engine(), picture); });
    CHECK(found && (*found).summary().pixels == picture.total() && found->summary().pixels == picture.total());
    derust::segment_options options;
    options.model = "no-such-model";
    const auto failed = derust::attempt([&] { return derust::opencv::segment(engine(), picture, cv::noArray(), cv::noArray(), options); });
    CHECK(!failed);
    CHECK_EQUAL(failed.error().status(), DERUST_ERROR_MODEL);
    CHECK_EQUAL(std::string(failed.error().name()), std::string("DERUST_ERROR_MODEL"));
    CHECK(std::string(failed.error().what()).find("no-such-model") != std::string::npos);
    FAILS(DERUST_ERROR_MODEL, ({"no-such-model"}), failed.value());
    CHECK(derust::attempt([] { engine().refresh(); }).has_value());
}

CASE(batches_say_what_became_of_each_picture) {
    std::vector<cv::Mat> pictures, masks(3), expected(3);
    for (int i = 0; i < 3; ++i) {
        pictures.push_back(noise(10 + i));
        derust::opencv::segment(engine(), pictures[i], expected[i]);
        masks[i].create(pictures[i].size(), CV_8U);
    }
    std::vector<derust::segment_job> jobs;
    for (int i = 0; i < 3; ++i) {
        jobs.push_back({derust::opencv::view(pictures[i]), {derust::opencv::target(masks[i]), {}}});
    }
    std::vector<derust::report> reports;
    auto outcome = engine().segment_batch(jobs, &reports);
    CHECK(!outcome.error && reports.size() == 3);
    for (int i = 0; i < 3; ++i) {
        CHECK(same(masks[i], expected[i]));
        CHECK_EQUAL(reports[i].summary().rust_pixels, std::uint64_t(cv::countNonZero(masks[i])));
    }
    jobs[1].input.data_size -= 1;
    outcome = engine().segment_batch(jobs, &reports);
    CHECK(outcome.error && outcome.error->status() == DERUST_ERROR_IMAGE);
    CHECK_EQUAL(outcome.statuses[0], DERUST_OK);
    CHECK_EQUAL(outcome.statuses[1], DERUST_ERROR_IMAGE);
    CHECK_EQUAL(outcome.statuses[2], DERUST_OK);
    FAILS(DERUST_ERROR_ARGUMENT, ({"report"}), reports[1].summary());

    cv::Mat results[2] = {pictures[0].clone(), pictures[1].clone()}, one;
    outcome = engine().remove_batch({{derust::opencv::view(results[0]), derust::opencv::target(results[0])},
                                     {derust::opencv::view(pictures[1]), derust::opencv::target(results[1])}});
    CHECK(!outcome.error);
    for (int i = 0; i < 2; ++i) {
        derust::opencv::remove(engine(), pictures[i], one);
        CHECK(same(results[i], one));
    }
}

CASE(an_engine_warms_up) {
    derust::engine_options options;
    options.model_folders = {model_folder()};
    options.only_these_folders = true;
    const derust::engine cold(options);
    const auto ran = [&] {
        int count = 0;
        for (const auto &model : cold.models()) count += !model.placement.empty();
        return count;
    };
    CHECK_EQUAL(ran(), 0);
    cold.warm_up(derust::filter::segment_rust, "red-is-rust", 600000);
    CHECK_EQUAL(ran(), 1);
    cold.warm_up();
    CHECK_EQUAL(ran(), 2);
    for (const auto &model : cold.models()) CHECK(model.tried);
    CHECK_EQUAL(cold.serving().size(), 2u);
    for (const auto &model : cold.serving()) CHECK(model.serves && model.digest.size() == 64 && !model.device.empty());
    CHECK(cold.health().calls == 0 && cold.health().failures == 0 && cold.health().waiting == 0);
    FAILS(DERUST_ERROR_MODEL, ({"nobody"}), cold.warm_up(derust::filter::derust, "nobody"));
}

CASE(the_engine_says_what_it_uses) {
    const auto models = engine().models();
    int serving = 0;
    for (const auto &model : models) {
        CHECK(model.serves == model.reason.empty());
        serving += model.serves;
        if (model.name == "red-is-rust") CHECK(model.serves && model.filter == derust::filter::segment_rust);
        CHECK(model.origin.find(model_folder()) == 0);
    }
    CHECK_EQUAL(serving, 2);
    bool cpu = false;
    for (const auto &device : engine().devices()) {
        CHECK(device.usable == device.reason.empty());
        CHECK(device.product.empty() || device.usable);
        if (device.device == derust::device::cpu) cpu = device.usable && device.in_use;
    }
    CHECK(cpu);
    // The runtime that was installed with the library, not one of this machine's.
    const auto runtime = engine().runtime();
    CHECK(runtime.path.find("/lib/onnxruntime/libonnxruntime.so") != std::string::npos);
    CHECK(!runtime.version.empty() && !derust::version().empty());
}
