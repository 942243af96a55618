// Contours against those of cv::findContours.

#include "checks.hpp"

#include <derust_opencv.hpp>

#include <opencv2/imgproc.hpp>

#include <algorithm>
#include <set>

using Contour = std::vector<cv::Point>;
using Points = std::set<std::pair<int, int>>;

static Points points(const Contour &contour) {
    Points points;
    for (const auto &point : contour) points.insert({point.x, point.y});
    return points;
}

static std::multiset<Points> all_points(const std::vector<Contour> &contours) {
    std::multiset<Points> all;
    for (const auto &contour : contours) all.insert(points(contour));
    return all;
}

/// The outer borders that OpenCV finds: of every component, those in holes of others too.
static std::vector<Contour> outer_borders(const cv::Mat &mask) {
    std::vector<Contour> found, outer;
    std::vector<cv::Vec4i> hierarchy;
    cv::findContours(mask, found, hierarchy, cv::RETR_CCOMP, cv::CHAIN_APPROX_NONE);
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (hierarchy[i][3] < 0) outer.push_back(found[i]);
    }
    return outer;
}

/// Paints `rust` red on gray and gives what derust finds there.
static std::vector<Contour> found_in(const cv::Mat &rust, std::vector<derust::region> *regions = nullptr) {
    cv::Mat picture(rust.size(), CV_8UC3, cv::Scalar(120, 120, 120)), mask;
    picture.setTo(cv::Scalar(20, 30, 240), rust);
    derust::segment_options options;
    options.contours = true;
    const auto report = derust::opencv::segment(engine(), picture, mask, cv::noArray(), options);
    CHECK_EQUAL(cv::norm(mask, rust, cv::NORM_INF), 0.0);
    if (regions) *regions = report.regions();
    return derust::opencv::contours(report);
}

/// Every point follows its predecessor at a side or a corner, and the last one leads back to the first.
static bool is_closed(const Contour &contour) {
    for (std::size_t i = 0; i < contour.size(); ++i) {
        const auto step = contour[i] - contour[(i + contour.size() - 1) % contour.size()];
        if (std::max(std::abs(step.x), std::abs(step.y)) > 1) return false;
    }
    return true;
}

/// Patches far from each other, as RETR_EXTERNAL sees them.
CASE(contours_are_those_of_find_contours) {
    cv::Mat rust = cv::Mat::zeros(120, 160, CV_8U);
    cv::circle(rust, {30, 30}, 20, 255, cv::FILLED);
    cv::rectangle(rust, cv::Rect(70, 10, 40, 25), 255, cv::FILLED);
    cv::line(rust, {10, 100}, {60, 70}, 255);
    cv::ellipse(rust, {110, 80}, {30, 14}, 30, 0, 360, 255, 3);
    rust.at<uchar>(119, 0) = 255;
    rust.at<uchar>(60, 159) = 255;
    rust(cv::Rect(0, 0, 6, 1)).setTo(255);
    std::vector<Contour> expected;
    cv::findContours(rust, expected, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
    std::vector<derust::region> regions;
    const auto found = found_in(rust, &regions);
    CHECK_EQUAL(found.size(), std::size_t(7));
    CHECK(all_points(found) == all_points(expected));
    for (std::size_t i = 0; i < found.size(); ++i) {
        CHECK(is_closed(found[i]));
        CHECK_EQUAL(cv::boundingRect(found[i]), derust::opencv::to_rect(regions[i].box));
        // Clockwise as seen: the orientation that cv::contourArea calls positive.
        if (found[i].size() > 8) CHECK(cv::contourArea(found[i], true) >= 0);
        if (i > 0) CHECK(regions[i].area <= regions[i - 1].area);
    }
    CHECK(cv::contourArea(found[0], true) > 500);
}

CASE(pixels_that_touch_at_a_corner_are_one_region) {
    cv::Mat rust = cv::Mat::zeros(20, 20, CV_8U);
    rust(cv::Rect(2, 2, 4, 4)).setTo(255);
    rust(cv::Rect(6, 6, 4, 4)).setTo(255);
    rust(cv::Rect(12, 2, 3, 3)).setTo(255);
    rust(cv::Rect(16, 6, 3, 3)).setTo(255);
    std::vector<Contour> expected;
    cv::findContours(rust, expected, cv::RETR_EXTERNAL, cv::CHAIN_APPROX_NONE);
    const auto found = found_in(rust);
    CHECK_EQUAL(found.size(), std::size_t(3));
    CHECK(all_points(found) == all_points(expected));
}

CASE(holes_have_no_contour_but_what_lies_in_them_has) {
    cv::Mat rust = cv::Mat::zeros(60, 60, CV_8U);
    cv::rectangle(rust, cv::Rect(5, 5, 50, 50), 255, 4);
    cv::rectangle(rust, cv::Rect(20, 20, 12, 12), 255, cv::FILLED);
    rust(cv::Rect(24, 24, 3, 3)).setTo(0);
    const auto found = found_in(rust);
    CHECK_EQUAL(found.size(), std::size_t(2));
    CHECK(all_points(found) == all_points(outer_borders(rust)));
}

CASE(contours_of_noise_are_those_of_find_contours) {
    cv::RNG random(20250101);
    for (int round = 0; round < 40; ++round) {
        cv::Mat noise(random.uniform(1, 50), random.uniform(1, 50), CV_8U), rust;
        random.fill(noise, cv::RNG::UNIFORM, 0, 256);
        if (round % 2 == 0) cv::blur(noise, noise, {3, 3});
        cv::threshold(noise, rust, random.uniform(90, 170), 255, cv::THRESH_BINARY);
        const auto found = found_in(rust);
        CHECK(all_points(found) == all_points(outer_borders(rust)));
        for (const auto &contour : found) CHECK(is_closed(contour));
    }
}

CASE(contours_that_were_not_asked_for_are_refused) {
    cv::Mat picture(10, 10, CV_8UC3, cv::Scalar(20, 30, 240));
    const auto report = derust::opencv::segment(engine(), picture);
    FAILS(DERUST_ERROR_ARGUMENT, ({"contour"}), derust::opencv::contours(report));
    FAILS(DERUST_ERROR_ARGUMENT, ({"index", "1"}), report.region(1));
}
