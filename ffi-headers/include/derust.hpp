// derust.hpp: find rust in pictures and take it away. C++17 over derust.h, header-only.
//
// Handles (engine, analysis, report, cancel) own what they stand for, can be moved but not copied, and may be used
// from many threads at a time. A handle that was moved from may only be assigned to or destroyed; anything else
// throws error with DERUST_ERROR_ARGUMENT.
//
// Every failure is thrown as derust::error; attempt() makes a result of it for code that would rather look:
//
//     derust::engine engine;
//     auto report = derust::attempt([&] { return engine.segment(picture); });
//     if (!report) std::cerr << report.error().what() << '\n';
//
// Callbacks may throw: the exception stops the call and comes out of it, never through the C library.

#ifndef DERUST_HPP
#define DERUST_HPP

#include "derust.h"

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace derust {

// ---- Failures -----------------------------------------------------------------------------------------------------

/// A call that failed. what() names what was expected and what came.
class error : public std::runtime_error {
public:
    error(derust_status status, const std::string &text) : std::runtime_error(text), status_(status) {}

    /// DERUST_ERROR_…; the numbers never change.
    derust_status status() const noexcept { return status_; }

    /// The name of status(), such as "DERUST_ERROR_IMAGE".
    const char *name() const noexcept { return derust_status_name(status_); }

private:
    derust_status status_;
};

/// A picture that cannot be judged, which is not one without rust; status() is DERUST_ERROR_UNJUDGEABLE.
/// segment_options::judge_anyway and remove_options::judge_anyway look at it all the same.
class unjudgeable : public error {
public:
    using error::error;
};

/// What a call gave, or why it failed.
template <class T> class result {
public:
    result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    result(derust::error error) : content_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const noexcept { return content_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// The value; throws the error where there is none.
    T &value() & { return check(), std::get<0>(content_); }
    const T &value() const & { return check(), std::get<0>(content_); }
    T &&value() && { return check(), std::get<0>(std::move(content_)); }
    T &operator*() { return value(); }
    const T &operator*() const { return value(); }
    T *operator->() { return &value(); }
    const T *operator->() const { return &value(); }

    /// The error; only to be asked for where there is no value.
    const derust::error &error() const { return std::get<1>(content_); }

private:
    void check() const {
        if (!has_value()) throw error();
    }

    std::variant<T, derust::error> content_;
};

/// Calls `function` and answers with what it returns (std::monostate for void), or with the derust::error that it
/// throws. Other exceptions pass.
template <class F> auto attempt(F &&function) {
    using Value = std::invoke_result_t<F>;
    if constexpr (std::is_void_v<Value>) {
        try {
            std::forward<F>(function)();
            return result<std::monostate>(std::monostate{});
        } catch (const error &failure) {
            return result<std::monostate>(failure);
        }
    } else {
        try {
            return result<Value>(std::forward<F>(function)());
        } catch (const error &failure) {
            return result<Value>(failure);
        }
    }
}

// ---- Constants ----------------------------------------------------------------------------------------------------

enum class format : std::int32_t {
    gray_u8 = DERUST_FORMAT_GRAY_U8,
    gray_u16 = DERUST_FORMAT_GRAY_U16,
    gray_f32 = DERUST_FORMAT_GRAY_F32,
    rgb_u8 = DERUST_FORMAT_RGB_U8,
    rgb_u16 = DERUST_FORMAT_RGB_U16,
    rgb_f32 = DERUST_FORMAT_RGB_F32,
    bgr_u8 = DERUST_FORMAT_BGR_U8,
    bgr_u16 = DERUST_FORMAT_BGR_U16,
    bgr_f32 = DERUST_FORMAT_BGR_F32,
    rgba_u8 = DERUST_FORMAT_RGBA_U8,
    rgba_u16 = DERUST_FORMAT_RGBA_U16,
    rgba_f32 = DERUST_FORMAT_RGBA_F32,
    bgra_u8 = DERUST_FORMAT_BGRA_U8,
    bgra_u16 = DERUST_FORMAT_BGRA_U16,
    bgra_f32 = DERUST_FORMAT_BGRA_F32,
    // How cameras and decoders give their frames: inputs alone, from which results are made in colours.
    nv12 = DERUST_FORMAT_NV12, ///< Y, and behind it Cb and Cr in turn
    nv21 = DERUST_FORMAT_NV21, ///< Y, and behind it Cr and Cb in turn
    i420 = DERUST_FORMAT_I420, ///< Y, Cb and Cr, each by itself
    yuyv = DERUST_FORMAT_YUYV,
    uyvy = DERUST_FORMAT_UYVY,
    bayer_rggb_u8 = DERUST_FORMAT_BAYER_RGGB_U8, ///< red, green / green, blue: OpenCV's BayerBG
    bayer_rggb_u16 = DERUST_FORMAT_BAYER_RGGB_U16,
    bayer_bggr_u8 = DERUST_FORMAT_BAYER_BGGR_U8, ///< OpenCV's BayerRG
    bayer_bggr_u16 = DERUST_FORMAT_BAYER_BGGR_U16,
    bayer_grbg_u8 = DERUST_FORMAT_BAYER_GRBG_U8, ///< OpenCV's BayerGB
    bayer_grbg_u16 = DERUST_FORMAT_BAYER_GRBG_U16,
    bayer_gbrg_u8 = DERUST_FORMAT_BAYER_GBRG_U8, ///< OpenCV's BayerGR
    bayer_gbrg_u16 = DERUST_FORMAT_BAYER_GBRG_U16,
};

/// What Y, Cb and Cr of a camera's frame are made of.
enum class matrix : std::int32_t {
    bt601 = DERUST_MATRIX_BT601, ///< webcams, JPEG
    bt709 = DERUST_MATRIX_BT709, ///< HD video
    bt2020 = DERUST_MATRIX_BT2020,
};

/// Which numbers Y, Cb and Cr have: 16 to 235 and 240, or all of them.
enum class range : std::int32_t { limited = DERUST_RANGE_LIMITED, full = DERUST_RANGE_FULL };

/// How the values encode light; gray and colour alike. Masks and probabilities are never encoded.
enum class transfer : std::int32_t {
    srgb = DERUST_TRANSFER_SRGB,
    linear = DERUST_TRANSFER_LINEAR,
    bt709 = DERUST_TRANSFER_BT709,       ///< cameras' raw video
    gamma_22 = DERUST_TRANSFER_GAMMA_22,
    gamma_28 = DERUST_TRANSFER_GAMMA_28,
    pq = DERUST_TRANSFER_PQ,             ///< white at 203 cd/m2
    hlg = DERUST_TRANSFER_HLG,           ///< white at 75 % of the signal
};

/// What red, green and blue are.
enum class primaries : std::int32_t {
    bt709 = DERUST_PRIMARIES_BT709, ///< those of sRGB
    p3 = DERUST_PRIMARIES_P3,
    bt2020 = DERUST_PRIMARIES_BT2020,
};

/// Whether colours are multiplied by the alpha channel.
enum class alpha : std::int32_t { straight = DERUST_ALPHA_STRAIGHT, premultiplied = DERUST_ALPHA_PREMULTIPLIED };

enum class device : std::int32_t {
    automatic = DERUST_DEVICE_AUTOMATIC,
    cpu = DERUST_DEVICE_CPU,
    cuda = DERUST_DEVICE_CUDA,
    tensorrt = DERUST_DEVICE_TENSORRT,
};

/// The scale at which a picture is analysed: the one that the model knows, or the picture's own.
enum class scale : std::int32_t { model = DERUST_SCALE_MODEL, native = DERUST_SCALE_NATIVE };

/// Whether a mask limits what the network found or stands in for it.
enum class mask_mode : std::int32_t { limit = DERUST_MASK_LIMIT, replace = DERUST_MASK_REPLACE };

/// What compose() writes.
enum class output : std::int32_t {
    result = DERUST_OUTPUT_RESULT,           ///< of analyse_remove: the picture without rust
    mask = DERUST_OUTPUT_MASK,               ///< of analyse_segment: white where rust is
    probability = DERUST_OUTPUT_PROBABILITY, ///< of analyse_segment: black is 0, white is 1
    overlay = DERUST_OUTPUT_OVERLAY,         ///< of analyse_segment: the picture with the rust coloured
};

/// What makes a judgement less sure. Later versions may know more.
enum class caution : std::int32_t {
    none = DERUST_CAUTION_NONE,
    dark = DERUST_CAUTION_DARK, ///< the picture is dark; rust in it is easily missed
};

enum class log_level : std::int32_t { error = DERUST_LOG_ERROR, warning = DERUST_LOG_WARNING, info = DERUST_LOG_INFO };

enum class filter : std::int32_t { unknown = 0, derust = DERUST_FILTER_DERUST, segment_rust = DERUST_FILTER_SEGMENT_RUST };

/// Whether it is one of a camera's frames.
constexpr bool is_camera_format(format f) noexcept { return f >= format::nv12 && f <= format::bayer_gbrg_u16; }

/// Channels times bytes per value, of a camera's frame the bytes from a pixel of its first plane to the next; 0 for a number
/// that is no format.
constexpr std::uint32_t bytes_per_pixel(format f) noexcept {
    const auto index = static_cast<std::int32_t>(f) - 1;
    if (f == format::yuyv || f == format::uyvy) return 2;
    if (f >= format::bayer_rggb_u8 && f <= format::bayer_gbrg_u16) return index % 2 == 0 ? 1 : 2;
    if (is_camera_format(f)) return 1;
    if (index < 0 || index >= 15) return 0;
    constexpr std::uint32_t channels[] = {1, 3, 3, 4, 4}, bytes[] = {1, 2, 4};
    return channels[index / 3] * bytes[index % 3];
}

// ---- Pictures -----------------------------------------------------------------------------------------------------

/// A pixel's column and row.
struct place {
    std::uint32_t x = 0, y = 0;
};

/// Red, green and blue, sRGB-encoded, 0 to 1.
struct colour {
    float red = 0, green = 0, blue = 0;
};

/// A part of a picture, in pixels.
struct rectangle {
    std::uint32_t x = 0, y = 0, width = 0, height = 0;
};

/// Pixels in the caller's memory, which have to stay there for the call. `Data` is `void` or `const void`.
template <class Data> struct basic_image {
    Data *data = nullptr;         ///< start of the buffer
    std::uint64_t data_size = 0;  ///< bytes in the buffer
    std::uint64_t offset = 0;     ///< bytes from `data` to the first pixel of the first row
    std::uint32_t width = 0;      ///< pixels
    std::uint32_t height = 0;     ///< rows
    std::int64_t row_stride = 0;  ///< bytes from a row to the next; negative: upside down
    std::uint32_t pixel_stride = 0; ///< bytes from a pixel to the next; 0: packed
    derust::format format = format::bgr_u8;
    derust::transfer transfer = transfer::srgb;
    derust::alpha alpha = alpha::straight;
    rectangle region; ///< the part to work on; width and height 0: all
    derust::primaries primaries = primaries::bt709;
    float white_level = 0; ///< the value that is white, such as 4095; 0: the format's greatest, 1 for floats
    const void *icc_profile = nullptr; ///< what the values mean, in place of transfer and primaries
    std::uint64_t icc_profile_size = 0; ///< bytes
    /// Which pixels count: gray, of the region's size, 0: not. It has to live for the calls, and so has what it describes:
    /// `const auto mask = view.c(); picture.region_mask = &mask;`
    const derust_image *region_mask = nullptr;
    std::uint64_t chroma_offset = 0; ///< of planes: bytes from `data` to Cb and Cr; 0: where a further row would begin
    std::uint64_t chroma_stride = 0; ///< bytes from a row of them to the next; 0: those of Y, of i420 half of them
    derust::matrix matrix = matrix::bt601;
    derust::range range = range::limited;

    basic_image() = default;

    /// Rows, and planes, that follow each other without gaps; the buffer holds all of them. Of the formats yuyv and uyvy with
    /// an odd number of columns the last pixel of a row has four bytes.
    basic_image(Data *start, std::uint32_t columns, std::uint32_t rows, derust::format pixels)
        : data(start), width(columns), height(rows),
          row_stride(std::int64_t{columns} * bytes_per_pixel(pixels)), format(pixels) {
        if (pixels == format::yuyv || pixels == format::uyvy) row_stride = (std::int64_t{columns} + 1) / 2 * 4;
        data_size = static_cast<std::uint64_t>(row_stride) * rows;
        if (pixels == format::nv12 || pixels == format::nv21 || pixels == format::i420) {
            const std::uint64_t across = (std::uint64_t{columns} + 1) / 2, down = (std::uint64_t{rows} + 1) / 2;
            chroma_stride = pixels == format::i420 ? across : 2 * across;
            data_size += 2 * across * down;
        }
    }

    /// What may be written may be read.
    template <class Other, class = std::enable_if_t<std::is_const_v<Data> && std::is_same_v<Other, void>>>
    basic_image(const basic_image<Other> &image)
        : data(image.data), data_size(image.data_size), offset(image.offset), width(image.width), height(image.height),
          row_stride(image.row_stride), pixel_stride(image.pixel_stride), format(image.format), transfer(image.transfer),
          alpha(image.alpha), region(image.region), primaries(image.primaries), white_level(image.white_level),
          icc_profile(image.icc_profile), icc_profile_size(image.icc_profile_size), region_mask(image.region_mask),
          chroma_offset(image.chroma_offset), chroma_stride(image.chroma_stride), matrix(image.matrix),
          range(image.range) {}

    /// The C description. Its `data` can be written through even where `Data` is const; the library never does that
    /// to an input.
    derust_image c() const noexcept {
        derust_image image{};
        image.struct_size = sizeof(image);
        image.format = static_cast<std::int32_t>(format);
        image.data = const_cast<void *>(static_cast<const void *>(data));
        image.data_size = data_size;
        image.offset = offset;
        image.width = width;
        image.height = height;
        image.row_stride = row_stride;
        image.pixel_stride = pixel_stride;
        image.transfer = static_cast<std::int32_t>(transfer);
        image.alpha = static_cast<std::int32_t>(alpha);
        image.region_x = region.x;
        image.region_y = region.y;
        image.region_width = region.width;
        image.region_height = region.height;
        image.region_mask = region_mask;
        image.icc_profile = icc_profile;
        image.icc_profile_size = icc_profile_size;
        image.white_level = white_level;
        image.primaries = static_cast<std::int32_t>(primaries);
        image.chroma_offset = chroma_offset;
        image.chroma_stride = chroma_stride;
        image.matrix = static_cast<std::int32_t>(matrix);
        image.range = static_cast<std::int32_t>(range);
        return image;
    }
};

/// A picture that is written.
using image = basic_image<void>;
/// A picture that is only read.
using const_image = basic_image<const void>;

// ---- Options ------------------------------------------------------------------------------------------------------

/// Told from time to time how much is done, 0 to 1; the answer false stops the call with DERUST_ERROR_CANCELLED.
/// Called on the thread of the call, in a batch too. It must not use the engine that is calling it.
using progress = std::function<bool(float done)>;

/// Gets a line of text, on the thread of the call that has something to say or on the one that looks at the model
/// folders; not by one thread at a time only. What it throws is dropped.
using log = std::function<void(log_level level, std::string_view text)>;

/// Told when a call begins (true) and ends (false) to wait for TensorRT, which builds an engine for the network of this
/// name, for up to some minutes; on the thread of that call. What it throws is lost.
using building = std::function<void(std::string_view model, bool begins)>;

class cancel;

struct engine_options {
    derust::device device = device::automatic;
    std::uint32_t device_id = 0;
    std::uint32_t threads = 0;  ///< that compute one network; 0: the processors this process may use
    std::uint32_t sessions = 0; ///< calls that one network serves at once; 0: 1; more callers wait
    std::vector<std::string> model_folders; ///< UTF-8, searched first
    bool only_these_folders = false;        ///< search nothing else, not even the built-in models
    std::uint32_t watch_milliseconds = 0;   ///< pace of looking at the model folders; 0: 2000, UINT32_MAX: never
    std::string runtime_library;            ///< path of libonnxruntime.so, UTF-8; empty: search
    std::uint64_t memory_limit = 0;         ///< bytes that calls may use beside the caller's pictures; 0: no limit
    derust::log log;
    derust::building building;
    bool half_precision = false;        ///< a GPU may compute with the precision of float16, which is faster
    std::uint64_t gpu_memory_limit = 0; ///< bytes of a GPU's memory for each network and session; 0: no limit
};

/// What a call says of itself when it succeeds.
struct call_info {
    derust::caution caution = caution::none;
    /// What the call's time went into, together all of it; for a picture of a batch: from when its turn came.
    std::chrono::nanoseconds wait{};    ///< for other calls: for a session, for memory, for a network that one loads
    std::chrono::nanoseconds reduce{};  ///< to the scale at which the network works, and judging the picture
    std::chrono::nanoseconds network{}; ///< the networks, to load and to run them
    std::chrono::nanoseconds compose{}; ///< all the rest
};

struct segment_options {
    derust::scale scale = scale::model;
    std::string model;     ///< name; empty: the one that serves
    float threshold = 0;   ///< above 0 and below 1; 0: the model's own
    bool contours = false; ///< whether the report holds the contour of every region
    derust::progress progress;
    const derust::cancel *cancel = nullptr;
    bool judge_anyway = false;  ///< look at a picture that cannot be judged, instead of throwing unjudgeable
    std::uint32_t timeout_ms = 0; ///< after which the call throws with DERUST_ERROR_TIMEOUT; 0: never. Of a batch: as a whole
    call_info *info = nullptr;  ///< gets what the call says of itself; of a batch: as many as there are pictures
};

struct remove_options {
    derust::scale scale = scale::model;
    std::string model;               ///< name; empty: the one that serves
    std::optional<const_image> mask; ///< gray, size of the image's region, white: treat
    derust::mask_mode mask_mode = mask_mode::limit;
    float strength = 1;      ///< 0 to 1
    bool plain_fill = false; ///< whether the fill is left without texture from clean parts of the image
    derust::progress progress;
    const derust::cancel *cancel = nullptr;
    bool judge_anyway = false;  ///< look at a picture that cannot be judged, instead of throwing unjudgeable
    std::uint32_t timeout_ms = 0; ///< after which the call throws with DERUST_ERROR_TIMEOUT; 0: never. Of a batch: as a whole
    call_info *info = nullptr;  ///< gets what the call says of itself; of a batch: as many as there are pictures
    float shape = 1; ///< how much of the fill's edges, relief and shading stays, 0 to 1
    std::optional<derust::colour> colour;     ///< what the fill is painted in, with its light and shadow
    std::optional<derust::place> colour_from; ///< where in the image's region that colour is, in place of `colour`
};

struct compose_options {
    derust::output output = output::result;
    float strength = 1;  ///< of a removal; 0 to 1
    float threshold = 0; ///< of a segmentation; 0: that of the analysis
    std::optional<const_image> mask; ///< of a removal: the mask of the analysis or another of its size
    derust::progress progress;
    const derust::cancel *cancel = nullptr;
    std::uint32_t timeout_ms = 0; ///< after which the call throws with DERUST_ERROR_TIMEOUT; 0: never
    float shape = 1; ///< of a removal: how much of the fill's edges, relief and shading stays, 0 to 1
    std::optional<derust::colour> colour;     ///< what the fill is painted in, with its light and shadow
    std::optional<derust::place> colour_from; ///< where in the image's region that colour is, in place of `colour`
};

/// Where segment() writes, where anywhere. Gray of any depth, with the size of the image's region.
struct segment_outputs {
    std::optional<image> mask;        ///< white: rust
    std::optional<image> probability; ///< black: 0, white: 1
};

// ---- How it is done -----------------------------------------------------------------------------------------------

namespace detail {

template <class T, void (*free_handle)(T *)> struct deleter {
    void operator()(T *handle) const noexcept { free_handle(handle); }
};
template <class T, void (*free_handle)(T *)> using handle = std::unique_ptr<T, deleter<T, free_handle>>;

/// Receives the error of one call.
class failure {
public:
    derust_error **out() noexcept { return &error_; }
    failure() = default;
    failure(const failure &) = delete;
    failure &operator=(const failure &) = delete;
    ~failure() { derust_error_free(error_); }

    derust::error take(derust_status status) const {
        return {status, error_ ? derust_error_message(error_) : derust_status_name(status)};
    }
    void check(derust_status status) const {
        if (status == DERUST_ERROR_UNJUDGEABLE) throw unjudgeable(status, take(status).what());
        if (status != DERUST_OK) throw take(status);
    }

private:
    derust_error *error_ = nullptr;
};

/// Stands between a caller's progress function, which may throw, and the library.
class progress_call {
public:
    explicit progress_call(const progress &function) : function_(function) {}

    template <class Options> void put_into(Options &options) noexcept {
        if (!function_) return;
        options.progress = &progress_call::told;
        options.progress_user_data = this;
    }

    /// To be called after the library has returned.
    void rethrow() const {
        if (thrown_) std::rethrow_exception(thrown_);
    }

private:
    static std::int32_t told(void *self, float done) noexcept {
        auto &call = *static_cast<progress_call *>(self);
        try {
            return call.function_(done) ? 0 : 1;
        } catch (...) {
            const std::lock_guard<std::mutex> lock(call.mutex_);
            if (!call.thrown_) call.thrown_ = std::current_exception();
            return 1;
        }
    }

    const progress &function_;
    std::mutex mutex_;
    std::exception_ptr thrown_;
};

inline void on_building(void *user_data, const char *model, std::int32_t begins) noexcept {
    try {
        (*static_cast<const building *>(user_data))(model, begins != 0);
    } catch (...) { // The library cannot carry it on.
    }
}

inline void on_log(void *user_data, std::int32_t level, const char *text) noexcept {
    try {
        (*static_cast<const log *>(user_data))(static_cast<log_level>(level), text);
    } catch (...) {
    }
}

inline const char *c_text(const std::string &text) noexcept { return text.empty() ? nullptr : text.c_str(); }

template <class Struct> Struct sized() noexcept {
    Struct value{};
    value.struct_size = sizeof(value);
    return value;
}

/// Stands between a caller's call_infos and the library.
class info_call {
public:
    info_call(call_info *infos, std::size_t count)
        : infos_(infos), told_(infos ? count : 0, sized<derust_call_info>()) {}

    template <class Options> void put_into(Options &options) noexcept {
        options.info = told_.empty() ? nullptr : told_.data();
    }

    /// To be called after the library has returned.
    void tell() const noexcept {
        for (std::size_t i = 0; i < told_.size(); ++i) {
            const auto time = [](std::uint64_t ns) { return std::chrono::nanoseconds(static_cast<std::int64_t>(ns)); };
            infos_[i].caution = static_cast<caution>(told_[i].caution);
            infos_[i].wait = time(told_[i].wait_ns);
            infos_[i].reduce = time(told_[i].reduce_ns);
            infos_[i].network = time(told_[i].network_ns);
            infos_[i].compose = time(told_[i].compose_ns);
        }
    }

private:
    call_info *infos_;
    std::vector<derust_call_info> told_;
};

/// An image, or NULL.
template <class Data> class optional_image {
public:
    explicit optional_image(const std::optional<basic_image<Data>> &image)
        : given_(image.has_value()), c_(image ? image->c() : derust_image{}) {}
    const derust_image *get() const noexcept { return given_ ? &c_ : nullptr; }

private:
    bool given_;
    derust_image c_;
};

} // namespace detail

// ---- Cancel -------------------------------------------------------------------------------------------------------

/// Stops calls from another thread. It has to outlive the calls that it was given to.
class cancel {
public:
    cancel() {
        detail::failure failure;
        derust_cancel *made = nullptr;
        failure.check(derust_cancel_create(&made, failure.out()));
        handle_.reset(made);
    }

    /// Stops the calls that watch it, within one tile.
    void request() const noexcept { derust_cancel_request(handle_.get()); }
    /// Makes it as new.
    void reset() const noexcept { derust_cancel_reset(handle_.get()); }

    const derust_cancel *c() const noexcept { return handle_.get(); }

private:
    detail::handle<derust_cancel, derust_cancel_free> handle_;
};

namespace detail {

/// What the fill looks like.
template <class Options, class COptions> void put_look(const Options &options, COptions &c) {
    c.shape = options.shape;
    if (options.colour_from) {
        c.colour_source = DERUST_COLOUR_FROM_IMAGE;
        c.colour_x = options.colour_from->x;
        c.colour_y = options.colour_from->y;
    } else if (options.colour) {
        c.colour_source = DERUST_COLOUR_GIVEN;
        c.colour[0] = options.colour->red;
        c.colour[1] = options.colour->green;
        c.colour[2] = options.colour->blue;
    }
}

inline derust_segment_options c_options(const segment_options &options, progress_call &call, info_call &info) {
    auto c = sized<derust_segment_options>();
    c.scale = static_cast<std::int32_t>(options.scale);
    c.model = c_text(options.model);
    c.threshold = options.threshold;
    c.contours = options.contours ? 1 : 0;
    c.judge_anyway = options.judge_anyway ? 1 : 0;
    c.timeout_ms = options.timeout_ms;
    call.put_into(c);
    info.put_into(c);
    c.cancel = options.cancel ? options.cancel->c() : nullptr;
    return c;
}

inline derust_remove_options c_options(const remove_options &options, const derust_image *mask, progress_call &call,
                                       info_call &info) {
    auto c = sized<derust_remove_options>();
    c.scale = static_cast<std::int32_t>(options.scale);
    c.model = c_text(options.model);
    c.mask = mask;
    c.mask_mode = static_cast<std::int32_t>(options.mask_mode);
    c.strength = options.strength;
    put_look(options, c);
    c.plain_fill = options.plain_fill ? 1 : 0;
    c.judge_anyway = options.judge_anyway ? 1 : 0;
    c.timeout_ms = options.timeout_ms;
    call.put_into(c);
    info.put_into(c);
    c.cancel = options.cancel ? options.cancel->c() : nullptr;
    return c;
}

} // namespace detail

// ---- Reports ------------------------------------------------------------------------------------------------------

struct summary {
    std::uint64_t pixels = 0;      ///< of the region of interest
    std::uint64_t rust_pixels = 0; ///< of them
    double fraction = 0;           ///< rust_pixels / pixels, 0 to 1
    std::uint64_t region_count = 0;
    float threshold = 0;          ///< that was used
    std::uint32_t iso_4628_3 = 0; ///< Ri 0 to 5
    std::uint32_t astm_d610 = 10; ///< 10 to 0
    derust::caution caution = caution::none; ///< what makes the judgement less sure
};

/// A connected region of rust.
struct region {
    rectangle box;               ///< in the region of interest
    std::uint64_t area = 0;      ///< pixels
    float mean_probability = 0;  ///< 0 to 1
};

/// A pixel of the region of interest.
struct point {
    std::int32_t x = 0, y = 0;
};

/// What was found.
class report {
public:
    explicit report(derust_report *owned) noexcept : handle_(owned) {}

    derust::summary summary() const {
        auto c = detail::sized<derust_summary>();
        detail::failure failure;
        failure.check(derust_report_summary(handle_.get(), &c, failure.out()));
        derust::summary summary;
        summary.pixels = c.pixels;
        summary.rust_pixels = c.rust_pixels;
        summary.fraction = c.fraction;
        summary.region_count = c.region_count;
        summary.threshold = c.threshold;
        summary.iso_4628_3 = c.iso_4628_3;
        summary.astm_d610 = c.astm_d610;
        summary.caution = static_cast<caution>(c.caution);
        return summary;
    }

    /// Index 0 is the largest.
    derust::region region(std::uint64_t index) const {
        auto c = detail::sized<derust_region>();
        detail::failure failure;
        failure.check(derust_report_region(handle_.get(), index, &c, failure.out()));
        derust::region region;
        region.box = {c.x, c.y, c.width, c.height};
        region.area = c.area;
        region.mean_probability = c.mean_probability;
        return region;
    }

    /// All regions, the largest first.
    std::vector<derust::region> regions() const {
        std::vector<derust::region> regions;
        const auto count = summary().region_count;
        regions.reserve(count);
        for (std::uint64_t i = 0; i < count; ++i) regions.push_back(region(i));
        return regions;
    }

    /// Gives the outer border of a region to `take(x, y)`, point by point: every border pixel, 8-connected,
    /// clockwise as seen. Only where segment_options::contours was set.
    template <class Take> void contour(std::uint64_t index, Take &&take) const {
        const std::int32_t *points = nullptr;
        std::uint64_t count = 0;
        detail::failure failure;
        failure.check(derust_report_contour(handle_.get(), index, &points, &count, failure.out()));
        for (std::uint64_t i = 0; i < count; ++i) take(points[2 * i], points[2 * i + 1]);
    }

    /// The same as a list.
    std::vector<point> contour(std::uint64_t index) const {
        std::vector<point> points;
        contour(index, [&](std::int32_t x, std::int32_t y) { points.push_back({x, y}); });
        return points;
    }

    const derust_report *c() const noexcept { return handle_.get(); }

private:
    detail::handle<derust_report, derust_report_free> handle_;
};

// ---- Analyses -----------------------------------------------------------------------------------------------------

/// What a network found in a picture. No network runs in what can be asked of it.
class analysis {
public:
    explicit analysis(derust_analysis *owned) noexcept : handle_(owned) {}

    /// Writes into `target` what `options.output` says. `picture` is what was analysed, unchanged. Results
    /// and overlays have its size and format, and `target` may be the picture itself.
    void compose(const const_image &picture, const derust::image &target, const compose_options &options = {}) const {
        detail::progress_call call(options.progress);
        const detail::optional_image<const void> mask(options.mask);
        auto c = detail::sized<derust_compose_options>();
        c.output = static_cast<std::int32_t>(options.output);
        c.strength = options.strength;
        detail::put_look(options, c);
        c.threshold = options.threshold;
        c.mask = mask.get();
        c.timeout_ms = options.timeout_ms;
        call.put_into(c);
        c.cancel = options.cancel ? options.cancel->c() : nullptr;
        const auto c_image = picture.c(), c_target = target.c();
        detail::failure failure;
        const auto status = derust_compose(handle_.get(), &c_image, &c, &c_target, failure.out());
        call.rethrow();
        failure.check(status);
    }

    /// The report of a segmentation. Of the options, threshold, contours, progress and cancel count.
    derust::report report(const const_image &picture, const segment_options &options = {}) const {
        detail::progress_call call(options.progress);
        detail::info_call info(options.info, 1);
        const auto c = detail::c_options(options, call, info);
        const auto c_image = picture.c();
        derust_report *made = nullptr;
        detail::failure failure;
        const auto status = derust_analysis_report(handle_.get(), &c_image, &c, &made, failure.out());
        derust::report report(made);
        call.rethrow();
        failure.check(status);
        info.tell();
        return report;
    }

    const derust_analysis *c() const noexcept { return handle_.get(); }

private:
    detail::handle<derust_analysis, derust_analysis_free> handle_;
};

// ---- Engine -------------------------------------------------------------------------------------------------------

/// A model file and whether it serves.
struct model_info {
    derust::filter filter = filter::unknown; ///< unknown where the file cannot be read
    bool serves = false;                     ///< used when no name is given
    std::string name, version;
    std::string origin; ///< path, or "built in"
    std::string reason; ///< why it does not serve; empty when it does
    std::string device; ///< where it runs, such as "cpu" or "cuda:0", or is going to be tried
    std::string placement; ///< how much of it runs there, and why not elsewhere; empty before it was used
    bool tried = false; ///< out, with this runtime on this device; what was not may turn out not to serve
    std::string digest; ///< SHA-256 of its content in hexadecimal digits, for "sha256:"; empty where it cannot be read
};

/// What has become of an engine's calls.
struct health_info {
    std::uint64_t calls = 0;    ///< pictures whose analysis began, each of a batch
    std::uint64_t failures = 0; ///< of them, other than by being stopped or by a picture that cannot be judged
    std::uint64_t waiting = 0;  ///< calls that wait now for others
};

/// A device and whether it can be used.
struct device_info {
    derust::device device = device::automatic;
    bool usable = false; ///< an engine can be made for it
    bool in_use = false; ///< this engine's networks run there, or the first one is going to be tried there
    std::string name;    ///< "cpu", "cuda" or "tensorrt"
    std::string reason;  ///< why it cannot be used; empty when it can
    std::string product; ///< its maker's name for it; empty for the processor
};

/// The ONNX Runtime of this process.
struct runtime_info {
    std::string version, path;
};

/// What became of the pictures of a batch.
struct batch_outcome {
    std::vector<derust_status> statuses; ///< one per picture
    std::optional<derust::error> error;  ///< of the first picture that failed; none: all is well
};

/// One picture of remove_batch().
struct remove_job {
    const_image input;
    image output;
};

/// One picture of segment_batch().
struct segment_job {
    const_image input;
    segment_outputs outputs;
};

/// Finds rust and takes it away. One engine serves any number of threads. After fork() the child needs a new one.
class engine {
public:
    explicit engine(const engine_options &options = {}) : log_(options.log ? std::make_unique<log>(options.log) : nullptr),
          building_(options.building ? std::make_unique<building>(options.building) : nullptr) {
        std::vector<const char *> folders;
        for (const auto &folder : options.model_folders) folders.push_back(folder.c_str());
        auto c = detail::sized<derust_engine_options>();
        c.device = static_cast<std::int32_t>(options.device);
        c.device_id = options.device_id;
        c.threads = options.threads;
        c.sessions = options.sessions;
        c.model_folder_count = static_cast<std::uint32_t>(folders.size());
        c.model_folders = folders.empty() ? nullptr : folders.data();
        c.only_these_folders = options.only_these_folders ? 1 : 0;
        c.watch_milliseconds = options.watch_milliseconds;
        c.runtime_library = detail::c_text(options.runtime_library);
        c.memory_limit = options.memory_limit;
        c.half_precision = options.half_precision ? 1 : 0;
        c.gpu_memory_limit = options.gpu_memory_limit;
        if (log_) {
            c.log = &detail::on_log;
            c.log_user_data = log_.get();
        }
        if (building_) {
            c.building = &detail::on_building;
            c.building_user_data = building_.get();
        }
        derust_engine *made = nullptr;
        detail::failure failure;
        failure.check(derust_engine_create(&c, &made, failure.out()));
        handle_.reset(made);
    }

    engine(engine &&) noexcept = default;
    /// The old engine is freed before what it calls.
    engine &operator=(engine &&other) noexcept {
        handle_ = std::move(other.handle_);
        log_ = std::move(other.log_);
        building_ = std::move(other.building_);
        return *this;
    }

    /// Finds the rust in a picture, and writes where it is into `outputs`.
    derust::report segment(const const_image &picture, const segment_outputs &outputs = {}, const segment_options &options = {}) const {
        detail::progress_call call(options.progress);
        detail::info_call info(options.info, 1);
        const auto c = detail::c_options(options, call, info);
        const auto c_image = picture.c();
        const detail::optional_image<void> mask(outputs.mask), probability(outputs.probability);
        derust_report *made = nullptr;
        detail::failure failure;
        const auto status = derust_segment(handle_.get(), &c_image, &c, mask.get(), probability.get(), &made, failure.out());
        derust::report report(made);
        call.rethrow();
        failure.check(status);
        info.tell();
        return report;
    }

    /// Takes the rust away. `output` has the size and the format of `picture` and may be the picture itself.
    void remove(const const_image &picture, const derust::image &output, const remove_options &options = {}) const {
        detail::progress_call call(options.progress);
        const detail::optional_image<const void> mask(options.mask);
        detail::info_call info(options.info, 1);
        const auto c = detail::c_options(options, mask.get(), call, info);
        const auto c_image = picture.c(), c_output = output.c();
        detail::failure failure;
        const auto status = derust_remove(handle_.get(), &c_image, &c, &c_output, failure.out());
        call.rethrow();
        failure.check(status);
        info.tell();
    }

    /// segment() for many pictures, engine_options::sessions of them at a time. `reports`, where given, gets one per
    /// picture; those of pictures that failed are empty and throw when they are asked.
    batch_outcome segment_batch(const std::vector<segment_job> &jobs, std::vector<derust::report> *reports = nullptr,
                                const segment_options &options = {}) const {
        detail::progress_call call(options.progress);
        detail::info_call info(options.info, jobs.size());
        const auto c = detail::c_options(options, call, info);
        std::vector<derust_image> inputs, written;
        inputs.reserve(jobs.size());
        written.reserve(2 * jobs.size());
        std::vector<const derust_image *> images, masks, probabilities;
        const auto write = [&](const std::optional<image> &output) -> const derust_image * {
            if (!output) return nullptr;
            written.push_back(output->c());
            return &written.back();
        };
        for (const auto &job : jobs) {
            inputs.push_back(job.input.c());
            images.push_back(&inputs.back());
            masks.push_back(write(job.outputs.mask));
            probabilities.push_back(write(job.outputs.probability));
        }
        std::vector<derust_report *> made(jobs.size(), nullptr);
        batch_outcome outcome;
        outcome.statuses.resize(jobs.size(), DERUST_OK);
        detail::failure failure;
        const auto status = derust_segment_batch(handle_.get(), static_cast<std::uint32_t>(jobs.size()), images.data(), &c,
                                                 masks.data(), probabilities.data(), reports ? made.data() : nullptr,
                                                 outcome.statuses.data(), failure.out());
        if (reports) {
            reports->clear();
            reports->reserve(made.size());
            for (auto *owned : made) reports->emplace_back(owned);
        }
        call.rethrow();
        info.tell();
        if (status != DERUST_OK) outcome.error = failure.take(status);
        return outcome;
    }

    /// remove() for many pictures, engine_options::sessions of them at a time.
    batch_outcome remove_batch(const std::vector<remove_job> &jobs, const remove_options &options = {}) const {
        detail::progress_call call(options.progress);
        const detail::optional_image<const void> mask(options.mask);
        detail::info_call info(options.info, jobs.size());
        const auto c = detail::c_options(options, mask.get(), call, info);
        std::vector<derust_image> described;
        described.reserve(2 * jobs.size());
        std::vector<const derust_image *> images, outputs;
        for (const auto &job : jobs) {
            images.push_back(&described.emplace_back(job.input.c()));
            outputs.push_back(&described.emplace_back(job.output.c()));
        }
        batch_outcome outcome;
        outcome.statuses.resize(jobs.size(), DERUST_OK);
        detail::failure failure;
        const auto status = derust_remove_batch(handle_.get(), static_cast<std::uint32_t>(jobs.size()), images.data(), &c,
                                                outputs.data(), outcome.statuses.data(), failure.out());
        call.rethrow();
        info.tell();
        if (status != DERUST_OK) outcome.error = failure.take(status);
        return outcome;
    }

    /// Runs the network that finds rust; what follows from it is asked of the analysis.
    derust::analysis analyse_segment(const const_image &picture, const segment_options &options = {}) const {
        detail::progress_call call(options.progress);
        detail::info_call info(options.info, 1);
        const auto c = detail::c_options(options, call, info);
        const auto c_image = picture.c();
        derust_analysis *made = nullptr;
        detail::failure failure;
        const auto status = derust_analyse_segment(handle_.get(), &c_image, &c, &made, failure.out());
        return finish(made, status, failure, call, info);
    }

    /// Runs the network that takes rust away; results are composed from the analysis.
    derust::analysis analyse_remove(const const_image &picture, const remove_options &options = {}) const {
        detail::progress_call call(options.progress);
        const detail::optional_image<const void> mask(options.mask);
        detail::info_call info(options.info, 1);
        const auto c = detail::c_options(options, mask.get(), call, info);
        const auto c_image = picture.c();
        derust_analysis *made = nullptr;
        detail::failure failure;
        const auto status = derust_analyse_remove(handle_.get(), &c_image, &c, &made, failure.out());
        return finish(made, status, failure, call, info);
    }

    /// Gets ready for a filter's calls, or both filters', so that the first one is as quick as those after it: loads ONNX
    /// Runtime and the network and runs it once. `model` is a name; empty: the one that serves.
    void warm_up(std::optional<filter> wanted = {}, const std::string &model = {}, std::uint32_t timeout_ms = 0) const {
        detail::failure failure;
        const auto number = wanted ? static_cast<std::int32_t>(*wanted) : 0;
        failure.check(derust_engine_warm_up(handle_.get(), number, detail::c_text(model), timeout_ms, failure.out()));
    }

    /// Looks at the model folders again; calls in flight end on the models they began with.
    void refresh() const {
        detail::failure failure;
        failure.check(derust_engine_refresh(handle_.get(), failure.out()));
    }

    /// Every model file, and whether it serves.
    std::vector<model_info> models() const { return read_models(&derust_engine_models); }

    /// The networks in use now, without a look at any file: those that serve, and those that calls have named.
    std::vector<model_info> serving() const { return read_models(&derust_engine_serving); }

    /// What has become of the calls. It waits for nothing and looks at no file.
    health_info health() const {
        auto c = detail::sized<derust_health>();
        detail::failure failure;
        failure.check(derust_engine_health(handle_.get(), &c, failure.out()));
        return {c.calls, c.failures, c.waiting};
    }

    /// Every kind of device, and whether it can be used.
    std::vector<device_info> devices() const {
        derust_devices *made = nullptr;
        detail::failure failure;
        failure.check(derust_engine_devices(handle_.get(), &made, failure.out()));
        const detail::handle<derust_devices, derust_devices_free> list(made);
        std::vector<device_info> devices;
        const auto count = derust_devices_count(made);
        for (std::uint64_t i = 0; i < count; ++i) {
            auto c = detail::sized<derust_device>();
            detail::failure reading;
            reading.check(derust_devices_get(made, i, &c, reading.out()));
            devices.push_back({static_cast<device>(c.device), c.usable != 0, c.in_use != 0, c.name, c.reason, c.product});
        }
        return devices;
    }

    /// ONNX Runtime, loaded now if it was not.
    runtime_info runtime() const {
        auto c = detail::sized<derust_runtime>();
        detail::failure failure;
        failure.check(derust_engine_runtime(handle_.get(), &c, failure.out()));
        return {c.version, c.path};
    }

    derust_engine *c() const noexcept { return handle_.get(); }

private:
    std::vector<model_info> read_models(derust_status (*list_models)(derust_engine *, derust_models **, derust_error **)) const {
        derust_models *made = nullptr;
        detail::failure failure;
        failure.check(list_models(handle_.get(), &made, failure.out()));
        const detail::handle<derust_models, derust_models_free> list(made);
        std::vector<model_info> models;
        const auto count = derust_models_count(made);
        for (std::uint64_t i = 0; i < count; ++i) {
            auto c = detail::sized<derust_model>();
            detail::failure reading;
            reading.check(derust_models_get(made, i, &c, reading.out()));
            models.push_back({static_cast<filter>(c.filter), c.serves != 0, c.name, c.version, c.origin, c.reason, c.device, c.placement, c.tried != 0, c.digest});
        }
        return models;
    }

    static derust::analysis finish(derust_analysis *made, derust_status status, const detail::failure &failure,
                                   const detail::progress_call &call, const detail::info_call &info) {
        derust::analysis analysis(made);
        call.rethrow();
        failure.check(status);
        info.tell();
        return analysis;
    }

    // Freed after the handle, whose watching thread may have something to say to the end.
    std::unique_ptr<log> log_;
    std::unique_ptr<building> building_;
    detail::handle<derust_engine, derust_engine_free> handle_;
};

/// What a caution means, in a line; empty for none and for numbers that the library does not know.
inline std::string text(caution caution) { return derust_caution_text(static_cast<std::int32_t>(caution)); }

/// The library's version, such as "0.1.0".
inline std::string version() { return derust_version(); }

} // namespace derust

#endif
