// Every kind of Mat, in and out.

#include "checks.hpp"

#include <derust_opencv.hpp>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <cmath>
#include <cstring>

namespace cvx = derust::opencv;

static const int DEPTHS[] = {CV_8U, CV_16U, CV_32F};

static double white(int depth) { return depth == CV_8U ? 255 : depth == CV_16U ? 65535 : 1; }

static const cv::Size SIZE(61, 43);
static const cv::Rect RED(7, 5, 20, 11), BLUE(35, 20, 15, 17);

/// Gray with a red and a blue patch, both on values that every depth holds exactly (multiples of 1/255).
static cv::Mat picture(int depth, int channels) {
    const double unit = white(depth) / 255;
    cv::Mat mat(SIZE, CV_MAKETYPE(depth, channels));
    const auto colour = [&](double blue, double green, double red) {
        return channels == 1 ? cv::Scalar(red * unit) : cv::Scalar(blue * unit, green * unit, red * unit, 102 * unit);
    };
    mat.setTo(colour(120, 120, 120));
    mat(RED).setTo(colour(20, 40, 240));
    mat(BLUE).setTo(colour(240, 40, 20));
    return mat;
}

/// Whether two Mats hold the same bytes.
static bool same(const cv::Mat &a, const cv::Mat &b) {
    if (a.size() != b.size() || a.type() != b.type()) return false;
    for (int y = 0; y < a.rows; ++y) {
        if (std::memcmp(a.ptr(y), b.ptr(y), a.cols * a.elemSize()) != 0) return false;
    }
    return true;
}

static derust::segment_options by(const char *model) {
    derust::segment_options options;
    options.model = model;
    return options;
}

/// White in `where`.
static cv::Mat mask_of(const cv::Rect &where, int depth = CV_8U) {
    cv::Mat mask = cv::Mat::zeros(SIZE, CV_MAKETYPE(depth, 1));
    mask(where).setTo(white(depth));
    return mask;
}

CASE(segment_finds_the_red_patch_in_every_depth_and_with_alpha) {
    for (const int depth : DEPTHS) {
        for (const int channels : {3, 4}) {
            const cv::Mat input = picture(depth, channels), before = input.clone();
            cv::Mat mask, probability;
            const auto report = cvx::segment(engine(), input, mask, probability);
            CHECK(same(mask, mask_of(RED)));
            CHECK(same(input, before));
            CHECK_EQUAL(probability.type(), CV_32FC1);
            // red - (green + blue) / 2
            CHECK(std::abs(probability.at<float>(RED.y + 3, RED.x + 3) - 210.0 / 255) < 1e-5);
            CHECK(std::abs(probability.at<float>(BLUE.y + 3, BLUE.x + 3)) < 1e-6);
            CHECK_EQUAL(report.summary().rust_pixels, std::uint64_t(RED.area()));
            CHECK_EQUAL(report.summary().pixels, std::uint64_t(SIZE.area()));
            CHECK_EQUAL(report.regions().size(), std::size_t(1));
            CHECK_EQUAL(cvx::to_rect(report.region(0).box), RED);
        }
    }
}

CASE(segment_takes_gray_in_every_depth) {
    for (const int depth : DEPTHS) {
        cv::Mat input = picture(depth, 1), mask;
        auto options = by("bright-is-rust");
        options.judge_anyway = true;
        cvx::segment(engine(), input, mask, cv::noArray(), options);
        CHECK(same(mask, mask_of(RED)));
    }
}

CASE(what_cannot_be_judged_is_not_called_free_of_rust) {
    const cv::Mat gray = picture(CV_8U, 1), black = cv::Mat::zeros(SIZE, CV_8UC3);
    const cv::Mat colour = picture(CV_8U, 3);
    cv::Mat mask, output;
    const auto refused = [](auto &&call, const std::string &reason) {
        try {
            call();
        } catch (const derust::unjudgeable &problem) {
            CHECK_EQUAL(problem.status(), DERUST_ERROR_UNJUDGEABLE);
            CHECK_EQUAL(std::string(problem.name()), std::string("DERUST_ERROR_UNJUDGEABLE"));
            CHECK(std::string(problem.what()).find("cannot be judged, because " + reason) != std::string::npos);
            return;
        }
        CHECK(!"it was judged");
    };
    for (const auto &[mat, reason] : {std::pair{gray, "it is gray"}, {black, "there is next to nothing above black"}}) {
        const cv::Mat &input = mat;
        refused([&] { cvx::segment(engine(), input, mask); }, reason);
        refused([&] { cvx::remove(engine(), input, output); }, reason);
        refused([&] { cvx::analyse_segment(engine(), input); }, reason);
        refused([&] { cvx::analyse_remove(engine(), input); }, reason);
        derust::segment_options segment;
        derust::remove_options remove;
        segment.judge_anyway = remove.judge_anyway = true;
        cvx::analyse_segment(engine(), input, segment);
        cvx::analyse_remove(engine(), input, cv::noArray(), remove);
        const auto outcome = engine().segment_batch({{cvx::view(input), {}}, {cvx::view(colour), {}}});
        CHECK(outcome.error && outcome.error->status() == DERUST_ERROR_UNJUDGEABLE && outcome.statuses[1] == DERUST_OK);
    }
}

CASE(a_dark_picture_is_warned_of) {
    const cv::Mat bright = picture(CV_8U, 3);
    cv::Mat dark = bright / 5, output;
    derust::call_info info, infos[2];
    derust::segment_options segment;
    derust::remove_options remove;
    segment.info = remove.info = &info;
    const auto told = [&](const cv::Mat &input, derust::caution expected) {
        CHECK(cvx::segment(engine(), input, cv::noArray(), cv::noArray(), segment).summary().caution == expected);
        CHECK(info.caution == expected);
        const std::chrono::nanoseconds none{0};
        CHECK(info.reduce > none && info.network > none && info.compose > none && info.wait >= none);
        info = {};
        cvx::remove(engine(), input, output, cv::noArray(), remove);
        CHECK(info.caution == expected);
        info = {};
        const auto analysis = cvx::analyse_segment(engine(), input, segment);
        CHECK(info.caution == expected && cvx::report_of(analysis, input).summary().caution == expected);
        info = {};
        cvx::analyse_remove(engine(), input, cv::noArray(), remove);
        CHECK(info.caution == expected);
    };
    told(dark, derust::caution::dark);
    told(bright, derust::caution::none);
    segment.info = remove.info = infos;
    CHECK(!engine().segment_batch({{cvx::view(bright), {}}, {cvx::view(dark), {}}}, nullptr, segment).error);
    CHECK(infos[0].caution == derust::caution::none && infos[1].caution == derust::caution::dark);
    infos[1] = {};
    CHECK(!engine().remove_batch({{cvx::view(bright), cvx::target(output)}, {cvx::view(dark), cvx::target(dark)}}, remove).error);
    CHECK(infos[0].caution == derust::caution::none && infos[1].caution == derust::caution::dark);
    CHECK(derust::text(derust::caution::dark).find("dark") != std::string::npos && derust::text(derust::caution::none).empty());
}

CASE(masks_and_probabilities_come_in_the_depth_of_a_typed_mat) {
    const cv::Mat input = picture(CV_8U, 3);
    cv::Mat1b bytes;
    cv::Mat1w words;
    cv::Mat1f floats;
    cvx::segment(engine(), input, bytes, words);
    CHECK(same(bytes, mask_of(RED)));
    CHECK(std::abs(words(RED.y, RED.x) - 210.0 / 255 * 65535) <= 1);
    cvx::segment(engine(), input, words, bytes);
    CHECK(same(words, mask_of(RED, CV_16U)));
    CHECK_EQUAL(int(bytes(RED.y, RED.x)), 210);
    cvx::segment(engine(), input, floats);
    CHECK(same(floats, mask_of(RED, CV_32F)));
}

CASE(results_are_those_of_the_c_interface) {
    const cv::Mat input = cv::imread(sample());
    CHECK(!input.empty() && input.isContinuous());
    cv::Mat mask, probability, expected_mask(input.size(), CV_8U), expected_probability(input.size(), CV_32F);
    derust::segment_options options;
    options.threshold = 0.1f;
    const auto report = cvx::segment(engine(), input, mask, probability, options);

    derust_segment_options c_options{};
    c_options.struct_size = sizeof(c_options);
    c_options.threshold = 0.1f;
    derust_image image{}, out_mask{}, out_probability{};
    const auto describe = [&](derust_image &described, const cv::Mat &mat, int32_t format) {
        described.struct_size = sizeof(described);
        described.format = format;
        described.data = mat.data;
        described.data_size = mat.total() * mat.elemSize();
        described.width = uint32_t(mat.cols);
        described.height = uint32_t(mat.rows);
        described.row_stride = int64_t(mat.cols * mat.elemSize());
    };
    describe(image, input, DERUST_FORMAT_BGR_U8);
    describe(out_mask, expected_mask, DERUST_FORMAT_GRAY_U8);
    describe(out_probability, expected_probability, DERUST_FORMAT_GRAY_F32);
    CHECK_EQUAL(derust_segment(engine().c(), &image, &c_options, &out_mask, &out_probability, nullptr, nullptr), DERUST_OK);
    CHECK(same(mask, expected_mask));
    CHECK(same(probability, expected_probability));
    const int white_pixels = cv::countNonZero(mask);
    CHECK(white_pixels > 0 && white_pixels < int(mask.total()));
    CHECK_EQUAL(report.summary().rust_pixels, std::uint64_t(white_pixels));
}

CASE(remove_changes_the_red_patch_alone_in_every_depth_and_with_alpha) {
    for (const int depth : DEPTHS) {
        for (const int channels : {3, 4}) {
            const cv::Mat input = picture(depth, channels), before = input.clone();
            cv::Mat output;
            cvx::remove(engine(), input, output);
            CHECK_EQUAL(output.type(), input.type());
            CHECK(same(input, before));
            cv::Mat rest = output.clone();
            input(RED).copyTo(rest(RED));
            CHECK(same(rest, input));
            cv::Mat pixel;
            output(cv::Rect(RED.tl() + cv::Point(4, 4), cv::Size(1, 1))).convertTo(pixel, CV_64F, 255 / white(depth));
            // picture + alpha (fill - picture), alpha = 210 / 255, fill = (green, green, blue) as red, green, blue
            const double alpha = 210.0 / 255, tolerance = depth == CV_8U ? 0.51 : 0.01;
            CHECK(std::abs(pixel.ptr<double>()[0] - 20) < tolerance);
            CHECK(std::abs(pixel.ptr<double>()[1] - 40) < tolerance);
            CHECK(std::abs(pixel.ptr<double>()[2] - (240 + alpha * (40 - 240))) < tolerance);
            if (channels == 4) CHECK(std::abs(pixel.ptr<double>()[3] - 102) < 1e-5);
        }
    }
}

CASE(remove_keeps_gray_pictures_gray) {
    for (const int depth : DEPTHS) {
        const cv::Mat input = picture(depth, 1);
        cv::Mat output;
        derust::remove_options options;
        options.judge_anyway = true;
        cvx::remove(engine(), input, output, cv::noArray(), options);
        CHECK(same(input, output));
    }
}

CASE(remove_works_in_place) {
    for (const int depth : DEPTHS) {
        for (const int channels : {1, 3, 4}) {
            cv::Mat expected, mat = picture(depth, channels);
            derust::remove_options options;
            options.judge_anyway = channels == 1;
            cvx::remove(engine(), mat, expected, cv::noArray(), options);
            const auto *data = mat.data;
            cvx::remove(engine(), mat, mat, cv::noArray(), options);
            CHECK(mat.data == data);
            CHECK(same(mat, expected));
            if (channels > 1) CHECK(!same(mat, picture(depth, channels)));
        }
    }
}

CASE(a_mask_limits_or_replaces) {
    const cv::Mat input = picture(CV_8U, 3);
    const cv::Rect half(RED.x, RED.y, RED.width / 2, RED.height);
    for (const int depth : DEPTHS) {
        cv::Mat limited;
        cvx::remove(engine(), input, limited, mask_of(half, depth));
        cv::Mat rest = limited.clone();
        input(half).copyTo(rest(half));
        CHECK(same(rest, input));
        CHECK(!same(limited, input));
    }
    derust::remove_options options;
    options.mask_mode = derust::mask_mode::replace;
    cv::Mat replaced;
    cvx::remove(engine(), input, replaced, mask_of(BLUE), options);
    CHECK(same(replaced(RED), input(RED)));
    CHECK(!same(replaced(BLUE), input(BLUE)));
    FAILS(DERUST_ERROR_FORMAT, ({"mask"}), cvx::remove(engine(), input, replaced, cv::Mat(3, 3, CV_8U, cv::Scalar(255))));
}

CASE(regions_of_larger_mats_are_read_and_written_where_they_lie) {
    const cv::Rect inner(9, 6, SIZE.width, SIZE.height);
    const cv::Size outer(SIZE.width + 20, SIZE.height + 13);
    for (const int depth : DEPTHS) {
        for (const int channels : {1, 3, 4}) {
            const cv::Mat whole = picture(depth, channels);
            cv::Mat expected_mask, expected;
            auto options = by(channels == 1 ? "bright-is-rust" : "");
            derust::remove_options removing;
            options.judge_anyway = removing.judge_anyway = channels == 1;
            cvx::segment(engine(), whole, expected_mask, cv::noArray(), options);
            cvx::remove(engine(), whole, expected, cv::noArray(), removing);

            cv::Mat parent(outer, whole.type(), cv::Scalar::all(white(depth) / 5));
            whole.copyTo(parent(inner));
            cv::Mat parent_mask(outer, CV_8U, cv::Scalar(77)), parent_result(outer, whole.type(), cv::Scalar::all(white(depth) / 3));
            cv::Mat input = parent(inner), mask = parent_mask(inner), result = parent_result(inner);
            CHECK(!input.isContinuous() && !mask.isContinuous());
            const cv::Mat parent_before = parent.clone();
            cvx::segment(engine(), input, mask, cv::noArray(), options);
            cvx::remove(engine(), input, result, cv::noArray(), removing);
            CHECK(same(mask, expected_mask));
            CHECK(same(result, expected));
            CHECK(same(parent, parent_before));
            // The outputs are still where they were, and what surrounds them is untouched.
            cv::Mat mask_surroundings = parent_mask.clone(), surroundings = parent_result.clone();
            mask_surroundings(inner).setTo(77);
            surroundings(inner).setTo(cv::Scalar::all(white(depth) / 3));
            CHECK(same(mask_surroundings, cv::Mat(outer, CV_8U, cv::Scalar(77))));
            CHECK(same(surroundings, cv::Mat(outer, whole.type(), cv::Scalar::all(white(depth) / 3))));
            CHECK(same(parent_mask(inner), expected_mask));

            cvx::remove(engine(), input, input, cv::noArray(), removing);
            CHECK(same(parent(inner), expected));
            expected.copyTo(parent_before(inner));
            CHECK(same(parent, parent_before));
        }
    }
}

CASE(what_is_said_of_pixels_counts) {
    const cv::Mat input = picture(CV_8U, 3);
    cv::Mat counts = mask_of(cv::Rect(RED.x + 5, 0, SIZE.width - RED.x - 5, SIZE.height)) / 255, output = input.clone();
    const derust_image counting = cvx::view(counts).c();
    auto described = cvx::view(input);
    described.region_mask = &counting;
    CHECK_EQUAL(engine().segment(described).summary().pixels, std::uint64_t(cv::countNonZero(counts)));
    CHECK_EQUAL(engine().segment(described).summary().rust_pixels, std::uint64_t((RED.width - 5) * RED.height));
    engine().remove(described, cvx::target(output));
    CHECK(same(output.colRange(0, RED.x + 5), input.colRange(0, RED.x + 5)) && !same(output, input));

    cv::Mat twelve, mask(SIZE, CV_8U);
    input.convertTo(twelve, CV_16U, 16);
    described = cvx::view(twelve);
    FAILS(DERUST_ERROR_UNJUDGEABLE, ({"12 bits"}), engine().segment(described));
    described.white_level = 4095;
    engine().segment(described, {cvx::target(mask), {}});
    CHECK(same(mask, mask_of(RED)));

    described = cvx::view(input);
    cv::Mat plain(SIZE, CV_32F), stronger(SIZE, CV_32F);
    engine().segment(described, {{}, cvx::target(plain)});
    described.primaries = derust::primaries::bt2020;
    engine().segment(described, {{}, cvx::target(stronger)});
    CHECK(stronger.at<float>(RED.y + 2, RED.x + 2) > plain.at<float>(RED.y + 2, RED.x + 2));
    described.icc_profile = "no profile";
    described.icc_profile_size = 10;
    FAILS(DERUST_ERROR_ARGUMENT, ({"the profile says both"}), engine().segment(described));
    described.primaries = derust::primaries::bt709;
    FAILS(DERUST_ERROR_IMAGE, ({"colour profile is broken"}), engine().segment(described));
}

CASE(frames_of_cameras_are_what_opencv_makes_of_them) {
    const cv::Size size(64, 48); // Pairs of pixels share colours.
    cv::Mat input;
    cv::resize(picture(CV_8U, 3), input, size);
    struct kind {
        derust::format format;
        int from_bgr, to_bgr;
    };
    for (const auto &[format, from_bgr, to_bgr] :
         {kind{derust::format::i420, cv::COLOR_BGR2YUV_I420, cv::COLOR_YUV2BGR_I420},
          kind{derust::format::yuyv, -1, cv::COLOR_YUV2BGR_YUYV}, kind{derust::format::uyvy, -1, cv::COLOR_YUV2BGR_UYVY},
          kind{derust::format::nv12, -1, cv::COLOR_YUV2BGR_NV12}, kind{derust::format::nv21, -1, cv::COLOR_YUV2BGR_NV21},
          kind{derust::format::bayer_rggb_u8, -1, cv::COLOR_BayerBG2BGR},
          kind{derust::format::bayer_bggr_u8, -1, cv::COLOR_BayerRG2BGR},
          kind{derust::format::bayer_grbg_u16, -1, cv::COLOR_BayerGB2BGR},
          kind{derust::format::bayer_gbrg_u16, -1, cv::COLOR_BayerGR2BGR}}) {
        // Any bytes are a frame.
        const bool pairs = format == derust::format::yuyv || format == derust::format::uyvy;
        const bool mosaic = format >= derust::format::bayer_rggb_u8, deep = derust::bytes_per_pixel(format) == 2 && mosaic;
        cv::Mat frame, expected;
        if (from_bgr >= 0) {
            cv::cvtColor(input, frame, from_bgr);
        } else {
            frame.create(pairs || mosaic ? size.height : size.height / 2 * 3, size.width,
                         pairs ? CV_8UC2 : deep ? CV_16UC1 : CV_8UC1);
            cv::randu(frame, cv::Scalar::all(40), cv::Scalar::all(deep ? 60000 : 215));
            if (mosaic) cv::GaussianBlur(frame, frame, cv::Size(9, 9), 2);
        }
        cv::cvtColor(frame, expected, to_bgr);
        cv::Mat output(expected.size(), expected.type()), difference;
        derust::remove_options nothing;
        nothing.strength = 0;
        nothing.judge_anyway = true;
        engine().remove(cvx::camera_frame(frame, format), cvx::target(output), nothing);
        // OpenCV copies the border of a mosaic from its neighbours.
        const cv::Rect inside(2, 2, size.width - 4, size.height - 4);
        cv::absdiff(output(inside), expected(inside), difference);
        double most = 0;
        cv::minMaxLoc(difference.reshape(1), nullptr, &most);
        CHECK(most <= 2);
    }
    cv::Mat frame(size.height, size.width, CV_8U, cv::Scalar(90));
    FAILS(DERUST_ERROR_IMAGE, ({"the Mat is CV_8UC1; a frame of this format is CV_8UC2"}),
          cvx::camera_frame(frame, derust::format::yuyv));
    FAILS(DERUST_ERROR_IMAGE, ({"half as many rows again"}), cvx::camera_frame(frame.rowRange(0, 4), derust::format::nv12));
}

CASE(a_fill_is_painted) {
    const cv::Mat input = picture(CV_8U, 3);
    cv::Mat plain, blue, from_place;
    derust::remove_options options;
    options.plain_fill = true;
    cvx::remove(engine(), input, plain, cv::noArray(), options);
    options.colour = derust::colour{0.1f, 0.2f, 0.8f};
    cvx::remove(engine(), input, blue, cv::noArray(), options);
    const cv::Scalar mean = cv::mean(blue(RED));
    CHECK(mean[0] > 120 && mean[2] < 80 && !same(blue, plain));
    CHECK(same(blue.colRange(0, RED.x), input.colRange(0, RED.x)));
    const auto analysis = cvx::analyse_remove(engine(), input, cv::noArray(), options);
    derust::compose_options composing;
    composing.colour = options.colour;
    cvx::compose(analysis, input, from_place, composing);
    CHECK(same(from_place, blue));
    composing.colour_from = derust::place{1, 1};
    cvx::compose(analysis, input, from_place, composing);
    CHECK(!same(from_place, blue));
    composing.shape = 2;
    FAILS(DERUST_ERROR_ARGUMENT, ({"options.shape is 2"}), cvx::compose(analysis, input, from_place, composing));
}

CASE(halves_of_a_stereo_frame_are_apart) {
    cv::Mat frame(SIZE.height, 2 * SIZE.width, CV_8UC3), masks(frame.size(), CV_8U, cv::Scalar(77)), expected;
    cv::Mat left = frame.colRange(0, SIZE.width), right = frame.colRange(SIZE.width, 2 * SIZE.width);
    picture(CV_8U, 3).copyTo(left);
    picture(CV_8U, 3).copyTo(right);
    cvx::remove(engine(), left, expected);
    cv::Mat left_mask = masks.colRange(0, SIZE.width), right_mask = masks.colRange(SIZE.width, 2 * SIZE.width);
    CHECK(!engine().segment_batch({{cvx::view(left), {cvx::target(left_mask), {}}}, {cvx::view(right), {cvx::target(right_mask), {}}}}).error);
    CHECK(same(left_mask, mask_of(RED)) && same(right_mask, mask_of(RED)));
    cvx::remove(engine(), left, right);
    CHECK(same(left, picture(CV_8U, 3)) && same(right, expected));
    picture(CV_8U, 3).copyTo(right);
    CHECK(!engine().remove_batch({{cvx::view(left), cvx::target(left)}, {cvx::view(right), cvx::target(right)}}).error);
    CHECK(same(left, expected) && same(right, expected));
    cv::Mat shifted = frame.colRange(SIZE.width - 1, 2 * SIZE.width - 1);
    FAILS(DERUST_ERROR_OVERLAP, ({"shares 129 bytes"}), cvx::remove(engine(), left, shifted));
}

CASE(a_region_may_end_with_the_last_byte_of_its_buffer) {
    const cv::Mat whole = picture(CV_16U, 3);
    cv::Mat parent(SIZE.height + 4, SIZE.width + 3, whole.type(), cv::Scalar::all(9));
    cv::Mat corner = parent(cv::Rect(3, 4, SIZE.width, SIZE.height)), mask;
    whole.copyTo(corner);
    cvx::segment(engine(), corner, mask);
    CHECK(same(mask, mask_of(RED)));
}

CASE(a_single_column_and_a_buffer_with_its_own_step_work) {
    cv::Mat column = picture(CV_8U, 3).col(RED.x), mask;
    cvx::segment(engine(), column, mask);
    CHECK(same(mask, mask_of(RED).col(RED.x)));

    const cv::Mat whole = picture(CV_8U, 3);
    const std::size_t step = SIZE.width * 3 + 5;
    std::vector<uchar> buffer(step * (SIZE.height - 1) + SIZE.width * 3);
    cv::Mat owned(SIZE, CV_8UC3, buffer.data(), step);
    whole.copyTo(owned);
    cvx::segment(engine(), owned, mask);
    CHECK(same(mask, mask_of(RED)));
}

CASE(umats_go_in_and_out) {
    cv::UMat input, mask, output;
    picture(CV_8U, 3).copyTo(input);
    cvx::segment(engine(), input, mask);
    CHECK(same(mask.getMat(cv::ACCESS_READ), mask_of(RED)));
    cvx::remove(engine(), input, output);
    cv::Mat expected;
    cvx::remove(engine(), picture(CV_8U, 3), expected);
    CHECK(same(output.getMat(cv::ACCESS_READ), expected));
    cvx::remove(engine(), input, input);
    CHECK(same(input.getMat(cv::ACCESS_READ), expected));
}

CASE(a_mat_may_become_its_own_mask) {
    cv::Mat mat = picture(CV_8U, 3);
    cvx::segment(engine(), mat, mat);
    CHECK(same(mat, mask_of(RED)));
}

CASE(one_analysis_makes_mask_probability_overlay_and_report) {
    const cv::Mat input = picture(CV_8U, 3);
    const auto analysis = cvx::analyse_segment(engine(), input);
    cv::Mat expected_mask, expected_probability, mask, probability, overlay;
    cvx::segment(engine(), input, expected_mask, expected_probability);
    derust::compose_options options;
    options.output = derust::output::mask;
    cvx::compose(analysis, input, mask, options);
    CHECK(same(mask, expected_mask));
    options.output = derust::output::probability;
    cvx::compose(analysis, input, probability, options);
    CHECK(same(probability, expected_probability));
    options.output = derust::output::overlay;
    cvx::compose(analysis, input, overlay, options);
    cv::Mat rest = overlay.clone();
    CHECK(!same(overlay(RED), input(RED)));
    input(RED).copyTo(rest(RED));
    // The overlay may draw the border of what it marks on the outside.
    cv::Mat differs;
    cv::absdiff(rest, input, differs);
    cv::cvtColor(differs, differs, cv::COLOR_BGR2GRAY);
    const cv::Rect near(RED.x - 3, RED.y - 3, RED.width + 6, RED.height + 6);
    differs(near).setTo(0);
    CHECK_EQUAL(cv::countNonZero(differs), 0);
    CHECK_EQUAL(cvx::report_of(analysis, input).summary().rust_pixels, std::uint64_t(RED.area()));

    // Above the probability of the patch nothing is left.
    options.output = derust::output::mask;
    options.threshold = 0.9f;
    cvx::compose(analysis, input, mask, options);
    CHECK_EQUAL(cv::countNonZero(mask), 0);
}

CASE(a_removal_composed_again_costs_another_strength_only) {
    const cv::Mat input = picture(CV_16U, 3);
    const auto analysis = cvx::analyse_remove(engine(), input);
    cv::Mat whole, none, expected;
    cvx::remove(engine(), input, expected);
    cvx::compose(analysis, input, whole);
    CHECK(same(whole, expected));
    derust::compose_options options;
    options.strength = 0;
    cvx::compose(analysis, input, none, options);
    CHECK(same(none, input));
}

CASE(other_mats_are_refused_with_what_works) {
    cv::Mat mask;
    const auto refused = [&](const cv::Mat &mat, std::vector<std::string> parts) {
        fails(__FILE__, __LINE__, DERUST_ERROR_IMAGE, parts, [&] { cvx::segment(engine(), mat, mask); });
        fails(__FILE__, __LINE__, DERUST_ERROR_IMAGE, parts, [&] { cvx::remove(engine(), mat, mask); });
        CHECK(mask.empty());
    };
    refused(cv::Mat(), {"empty"});
    refused(cv::Mat(0, 5, CV_8UC3), {"empty"});
    for (const int depth : {CV_8S, CV_16S, CV_32S, CV_64F, CV_16F}) {
        refused(cv::Mat(4, 4, CV_MAKETYPE(depth, 3)), {"C3", "CV_8U, CV_16U and CV_32F"});
    }
    refused(cv::Mat(4, 4, CV_64FC3), {"CV_64FC3"});
    refused(cv::Mat(4, 4, CV_8UC2), {"CV_8UC2", "1 (gray), 3 (BGR) or 4 (BGRA)"});
    const int sizes[] = {2, 3, 4};
    refused(cv::Mat(3, sizes, CV_8UC3), {"3 dimensions"});
    cv::Mat1d doubles;
    FAILS(DERUST_ERROR_IMAGE, ({"CV_64FC1"}), cvx::segment(engine(), picture(CV_8U, 3), doubles));
}

CASE(the_built_in_networks_run_on_a_photo) {
    derust::engine_options options;
    options.threads = 1;
    const derust::engine own(options);
    const cv::Mat input = cv::imread(sample());
    cv::Mat mask, clean;
    const auto found = cvx::segment(own, input, mask).summary();
    CHECK(found.fraction > 0.01 && found.fraction < 0.9);
    CHECK_EQUAL(found.rust_pixels, std::uint64_t(cv::countNonZero(mask)));
    cvx::remove(own, input, clean);
    CHECK(!same(clean, input));
    CHECK(cvx::segment(own, clean).summary().fraction < found.fraction);
}
