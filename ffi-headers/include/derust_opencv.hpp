// derust_opencv.hpp: derust on cv::Mat, without copies. C++17, header-only; needs OpenCV's core module.
//
//     derust::engine engine;
//     cv::Mat picture = cv::imread("gate.jpg"), mask, clean;
//     const auto report = derust::opencv::segment(engine, picture, mask);
//     derust::opencv::remove(engine, picture, clean);
//
// Pictures have the depth CV_8U, CV_16U or CV_32F (0 to 1) and 1 (gray), 3 (BGR) or 4 (BGRA) channels, as OpenCV's own
// functions give them. They may be continuous or not, regions of larger ones, cv::Mat, cv::Mat_ or cv::UMat. Anything
// else throws derust::error with a text that says what works. Outputs are created as OpenCV's functions do it: what
// has the right size and type is written in place, so that a region of a larger picture can be an output.

#ifndef DERUST_OPENCV_HPP
#define DERUST_OPENCV_HPP

#include "derust.hpp"

#include <opencv2/core.hpp>

#include <string>
#include <vector>

namespace derust {
namespace opencv {

namespace detail {

inline error refused(const std::string &text) { return {DERUST_ERROR_IMAGE, text}; }

inline std::string type_name(int depth, int channels) {
    static const char *const names[] = {"CV_8U", "CV_8S", "CV_16U", "CV_16S", "CV_32S", "CV_32F", "CV_64F", "CV_16F"};
    const std::string name = depth >= 0 && depth < 8 ? names[depth] : "depth " + std::to_string(depth);
    return name + "C" + std::to_string(channels);
}

inline derust::format format_of(const cv::Mat &mat) {
    const int channels = mat.channels();
    const int depth = mat.depth() == CV_8U ? 0 : mat.depth() == CV_16U ? 1 : mat.depth() == CV_32F ? 2 : -1;
    const int first = channels == 1   ? DERUST_FORMAT_GRAY_U8
                      : channels == 3 ? DERUST_FORMAT_BGR_U8
                      : channels == 4 ? DERUST_FORMAT_BGRA_U8
                                      : 0;
    if (depth < 0 || first == 0) {
        throw refused("the Mat is " + type_name(mat.depth(), channels) +
                      "; derust works on CV_8U, CV_16U and CV_32F with 1 (gray), 3 (BGR) or 4 (BGRA) channels "
                      "(convertTo and cvtColor make one of these)");
    }
    return static_cast<derust::format>(first + depth);
}

/// The description of a Mat's pixels: for a region of a larger Mat, that Mat's buffer with an offset.
template <class Data> basic_image<Data> describe(const cv::Mat &mat) {
    if (mat.dims > 2) throw refused("the Mat has " + std::to_string(mat.dims) + " dimensions; a picture has 2");
    if (mat.empty()) throw refused("the Mat is empty; was the picture read?");
    basic_image<Data> image;
    image.format = format_of(mat);
    image.data = const_cast<uchar *>(mat.datastart);
    image.data_size = static_cast<std::uint64_t>(mat.dataend - mat.datastart);
    image.offset = static_cast<std::uint64_t>(mat.data - mat.datastart);
    image.width = static_cast<std::uint32_t>(mat.cols);
    image.height = static_cast<std::uint32_t>(mat.rows);
    image.row_stride = static_cast<std::int64_t>(mat.step[0]);
    return image;
}

/// A gray output: of the depth that the caller's Mat_ demands, else of `depth`. A null Mat where none is wanted.
inline cv::Mat create_gray(cv::OutputArray output, cv::Size size, int depth) {
    if (!output.needed()) return {};
    output.create(size, output.fixedType() ? output.type() : CV_MAKETYPE(depth, 1));
    return output.getMat();
}

} // namespace detail

/// A Mat as a picture that is read. The Mat has to live, with its pixels where they are, for the calls it is used in.
inline const_image view(const cv::Mat &mat) { return detail::describe<const void>(mat); }

/// A Mat as a picture that is written; it has its size and type already.
inline image target(cv::Mat &mat) { return detail::describe<void>(mat); }

/// A camera's frame in a Mat as OpenCV's cvtColor takes it (COLOR_YUV2BGR_NV12 and the like): CV_8UC1 with half as many rows
/// again for nv12, nv21 and i420, CV_8UC2 for yuyv and uyvy, CV_8UC1 or CV_16UC1 for mosaics. `matrix` and `range` of the answer
/// may be changed.
inline const_image camera_frame(const cv::Mat &mat, derust::format format) {
    const bool planes = format == derust::format::nv12 || format == derust::format::nv21 || format == derust::format::i420;
    const bool pairs = format == derust::format::yuyv || format == derust::format::uyvy;
    const int type = pairs ? CV_8UC2 : bytes_per_pixel(format) == 2 ? CV_16UC1 : CV_8UC1;
    if (!is_camera_format(format)) throw detail::refused("the format is none of a camera's frames");
    if (mat.empty() || mat.dims > 2) throw detail::refused("the Mat holds no frame; was one read?");
    if (mat.type() != type) {
        throw detail::refused("the Mat is " + detail::type_name(mat.depth(), mat.channels()) + "; a frame of this format is " +
                              detail::type_name(CV_MAT_DEPTH(type), CV_MAT_CN(type)));
    }
    if (planes && (mat.rows % 3 != 0 || mat.cols % 2 != 0 || !mat.isContinuous())) {
        throw detail::refused("the Mat has " + std::to_string(mat.cols) + " x " + std::to_string(mat.rows) +
                              " values; a frame with planes is continuous, has an even number of columns and half as many rows "
                              "again as its picture");
    }
    const_image image(mat.datastart, static_cast<std::uint32_t>(mat.cols),
                      static_cast<std::uint32_t>(planes ? mat.rows / 3 * 2 : mat.rows), format);
    image.data_size = static_cast<std::uint64_t>(mat.dataend - mat.datastart);
    image.offset = static_cast<std::uint64_t>(mat.data - mat.datastart);
    if (!planes) image.row_stride = static_cast<std::int64_t>(mat.step[0]);
    return image;
}

inline cv::Rect to_rect(const rectangle &box) {
    return {static_cast<int>(box.x), static_cast<int>(box.y), static_cast<int>(box.width), static_cast<int>(box.height)};
}

/// The outer border of every region, the largest region first, as cv::findContours gives it with RETR_EXTERNAL and
/// CHAIN_APPROX_NONE but for the order of regions and points. Only where segment_options::contours was set.
inline std::vector<std::vector<cv::Point>> contours(const report &report) {
    std::vector<std::vector<cv::Point>> contours(report.summary().region_count);
    for (std::size_t i = 0; i < contours.size(); ++i) {
        report.contour(i, [&](int x, int y) { contours[i].emplace_back(x, y); });
    }
    return contours;
}

/// Finds the rust in `input`. `mask` becomes CV_8UC1 (255: rust), `probability` CV_32FC1 (0 to 1), unless they are
/// Mat_ of another of the three depths; cv::noArray() where one is not wanted.
inline report segment(const engine &engine, cv::InputArray input, cv::OutputArray mask = cv::noArray(),
                      cv::OutputArray probability = cv::noArray(), const segment_options &options = {}) {
    const cv::Mat picture = input.getMat();
    const auto described = view(picture);
    cv::Mat mask_mat = detail::create_gray(mask, picture.size(), CV_8U);
    cv::Mat probability_mat = detail::create_gray(probability, picture.size(), CV_32F);
    segment_outputs outputs;
    if (mask.needed()) outputs.mask = target(mask_mat);
    if (probability.needed()) outputs.probability = target(probability_mat);
    return engine.segment(described, outputs, options);
}

/// Takes the rust out of `input`. `output` gets its size and type and may be the same Mat. `mask`, where given, is
/// gray of any depth and of the same size, white where rust is to be treated.
inline void remove(const engine &engine, cv::InputArray input, cv::OutputArray output, cv::InputArray mask = cv::noArray(),
                   remove_options options = {}) {
    const cv::Mat picture = input.getMat(), mask_mat = mask.getMat();
    const auto described = view(picture);
    if (!mask_mat.empty()) options.mask = view(mask_mat);
    output.create(picture.size(), picture.type());
    cv::Mat output_mat = output.getMat();
    engine.remove(described, target(output_mat), options);
}

/// Runs the network that finds rust, for compose() and report().
inline analysis analyse_segment(const engine &engine, cv::InputArray input, const segment_options &options = {}) {
    const cv::Mat picture = input.getMat();
    return engine.analyse_segment(view(picture), options);
}

/// Runs the network that takes rust away, for compose().
inline analysis analyse_remove(const engine &engine, cv::InputArray input, cv::InputArray mask = cv::noArray(),
                               remove_options options = {}) {
    const cv::Mat picture = input.getMat(), mask_mat = mask.getMat();
    if (!mask_mat.empty()) options.mask = view(mask_mat);
    return engine.analyse_remove(view(picture), options);
}

/// Makes `output` what `options.output` says from an analysis of `input`: results and overlays are like `input` and
/// may be the same Mat, masks become CV_8UC1 and probabilities CV_32FC1 unless `output` is a Mat_ of another depth.
inline void compose(const analysis &analysis, cv::InputArray input, cv::OutputArray output, const compose_options &options = {}) {
    const cv::Mat picture = input.getMat();
    const auto described = view(picture);
    cv::Mat output_mat;
    if (options.output == derust::output::mask || options.output == derust::output::probability) {
        output_mat = detail::create_gray(output, picture.size(), options.output == derust::output::mask ? CV_8U : CV_32F);
    } else {
        output.create(picture.size(), picture.type());
        output_mat = output.getMat();
    }
    analysis.compose(described, target(output_mat), options);
}

/// The report of a segmentation of `input`.
inline derust::report report_of(const analysis &analysis, cv::InputArray input, const segment_options &options = {}) {
    const cv::Mat picture = input.getMat();
    return analysis.report(view(picture), options);
}

} // namespace opencv
} // namespace derust

#endif
